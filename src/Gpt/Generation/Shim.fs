namespace Gpt
[<RequireQualifiedAccess>]
module Logits =
    let check (_logits: Tensor) : unit = ()
[<RequireQualifiedAccess>]
module Biases =
    let minimumLength (_least: int) (_ends: int list) (_produced: int) : Tensor -> Tensor = id
type TextStream = { Tokenizer: Tokenizer }
[<RequireQualifiedAccess>]
module TextStream =
    let push (s: TextStream) (id: int) = struct (Tokenizer.decode s.Tokenizer [id], false, s)
    let flush (_s: TextStream) = ""
