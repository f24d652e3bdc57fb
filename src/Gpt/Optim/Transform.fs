namespace Gpt

/// What a transform may look at besides the update itself. Everything is one flat float32 tensor over all parameters, so
/// a transform is a few operations whatever the number of layers.
type UpdateContext = {
    /// The number of this update, from 0.
    Step: int
    /// The parameters before the update.
    Parameters: Tensor
    /// How many of them, at the front, belong to matrices.
    MatrixCount: int64
}

/// One link of an optimizer: it turns an update (at first the gradient) into another, and carries state from step to step.
/// A pure function; after DeepMind's optax.
type Transform = {
    /// How many flat tensors of state it keeps. All are zero before the first step.
    StateCount: int
    /// The next state and the new update.
    Apply: UpdateContext -> Tensor list -> Tensor -> Tensor list * Tensor
}

[<RequireQualifiedAccess>]
module Transform =

    /// A transform without state.
    let stateless (apply: UpdateContext -> Tensor -> Tensor) : Transform = {
        StateCount = 0
        Apply = (fun context _ update -> [], apply context update)
    }

    let private join (first: Transform) (second: Transform) : Transform = {
        StateCount = first.StateCount + second.StateCount
        Apply =
            fun context state update ->
                let mine, rest = List.splitAt first.StateCount state
                let mine, update = first.Apply context mine update
                let rest, update = second.Apply context rest update
                mine @ rest, update
    }

    /// One after the other, left to right.
    let chain (links: Transform list) : Transform = List.fold join (stateless (fun _ update -> update)) links

    /// The state before the first step.
    let init (transform: Transform) (parameters: Tensor) : Tensor list =
        List.init transform.StateCount (fun _ -> parameters.zeros_like ())
