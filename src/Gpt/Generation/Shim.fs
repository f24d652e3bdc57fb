namespace Gpt
[<RequireQualifiedAccess>]
module Logits =
    let check (_logits: Tensor) : unit = ()
[<RequireQualifiedAccess>]
module Biases =
    let minimumLength (_least: int) (_ends: int list) (_produced: int) : Tensor -> Tensor = id
