namespace Gpt

/// The links that AdamW is made of.
[<RequireQualifiedAccess>]
module Transforms =

    /// What an update of L2 norm `norm` must be multiplied by so that the norm is at most `limit`, as a tensor on the
    /// device: min(1, limit / (norm + 1e-6)), torch's `clip_grad_norm_`.
    let clipFactor (limit: float) (norm: Tensor) : Tensor =
        norm.add(Tensors.scalar 1e-6).reciprocal().mul(Tensors.scalar limit).clamp_max(Tensors.scalar 1.0)

    /// Scales the whole update so that its L2 norm is at most `limit`.
    let clipByGlobalNorm (limit: float) : Transform =
        Transform.stateless (fun _ update -> update.mul (clipFactor limit (update.norm ())))

    /// Divides a running mean of the update by the root of a running mean of its square, both corrected for their
    /// start at zero (Kingma and Ba 2014). State: the two means.
    let scaleByAdam (beta1: float) (beta2: float) (epsilon: float) : Transform =
        let mix (beta: float) (mean: Tensor) (value: Tensor) =
            mean.mul(Tensors.scalar beta).add(value.mul (Tensors.scalar (1.0 - beta)))

        {
            StateCount = 2
            Apply =
                fun context state update ->
                    let first = mix beta1 state[0] update
                    let second = mix beta2 state[1] (update.mul update)

                    let unbiased beta (mean: Tensor) =
                        mean.div (Tensors.scalar (1.0 - beta ** float (context.Step + 1)))

                    let root = (unbiased beta2 second).sqrt().add(Tensors.scalar epsilon)
                    [ first; second ], (unbiased beta1 first).div root
        }

    /// Adds `decay` times the parameters, for matrices alone: decoupled weight decay (Loshchilov and Hutter 2017).
    let addDecayedWeights (decay: float) : Transform =
        Transform.stateless (fun context update ->
            let matrices = context.Parameters.narrow(0L, 0L, context.MatrixCount).mul(Tensors.scalar decay)
            let rest = update.numel () - context.MatrixCount

            TorchSharp.torch.cat (
                [|
                    update.narrow(0L, 0L, context.MatrixCount).add matrices
                    update.narrow (0L, context.MatrixCount, rest)
                |],
                0L
            ))

    /// Multiplies by minus the learning rate of the step: the last link, whose update is added to the parameters.
    let scaleBySchedule (schedule: Schedule) : Transform =
        Transform.stateless (fun context update -> update.mul (Tensors.scalar (-(Schedule.rate schedule context.Step))))
