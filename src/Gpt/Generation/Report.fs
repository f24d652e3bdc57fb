namespace Gpt

open TorchSharp

/// A picked token and what the model thought of it.
type internal Picked = {
    Id: int
    /// ln p, when log-probabilities are asked for.
    LogProbability: float option
    /// The model's best, as many as are asked for.
    Alternatives: Candidate list
}

/// What is told of picked tokens, as numbers that are worked out on the device and read together: the id, then, when
/// log-probabilities are asked for, the token's own and those of the best tokens, then the ids of these.
[<RequireQualifiedAccess>]
module internal Report =

    /// How many numbers there are for one token.
    let private width (options: GenerationOptions) : int =
        match options.LogProbabilities with
        | None -> 1
        | Some count -> 2 + 2 * count

    /// The numbers, float32 (B, N), for tokens, int64 (B), that were picked where the model gave logits (B, V). Ids are exact: they
    /// are below 2^24. An id of -1, for a token that could not be picked, stays -1.
    let ask (options: GenerationOptions) (logits: Tensor) (picked: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let ids = picked.unsqueeze 1L
            let number (ids: Tensor) = ids.``to`` torch.ScalarType.Float32

            match options.LogProbabilities with
            | None -> number ids
            | Some count ->
                let logs = torch.nn.functional.log_softmax (logits, -1L)
                let own = logs.gather (1L, ids.clamp_min (Tensors.wholeScalar 0L))

                if count = 0 then
                    torch.cat ([| number ids; own |], 1L)
                else
                    let struct (best, places) = logs.topk (count, -1)
                    torch.cat ([| number ids; own; best; number places |], 1L))

    /// The ids among numbers of any shape (…, N), int64 (…).
    let ids (numbers: Tensor) : Tensor = numbers.select(-1L, 0L).``to`` torch.ScalarType.Int64

    /// What the numbers of many tokens say of the one whose numbers come after those of `index` others.
    let read (options: GenerationOptions) (numbers: float32[]) (index: int) : Picked =
        let first = index * width options
        let candidates = Option.defaultValue 0 options.LogProbabilities

        {
            Id = int numbers[first]
            LogProbability = options.LogProbabilities |> Option.map (fun _ -> float numbers[first + 1])
            Alternatives = [
                for place in first + 2 .. first + 1 + candidates do
                    {
                        Id = int numbers[place + candidates]
                        LogProbability = float numbers[place]
                    }
            ]
        }

    /// What is to be told of picked tokens, asked for and read at once: where that is the ids alone, without the detour by float32,
    /// which a small model would feel. Waits for the device.
    let now (options: GenerationOptions) (logits: Tensor) (picked: Tensor) : Picked[] =
        match options.LogProbabilities with
        | None ->
            Tensors.toIds picked
            |> Array.map (fun id -> {
                Id = int id
                LogProbability = None
                Alternatives = []
            })
        | Some _ ->
            use numbers = ask options logits picked
            let rows = int numbers.shape[0]
            let numbers = Tensors.toFloats numbers
            Array.init rows (read options numbers)
