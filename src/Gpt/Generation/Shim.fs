namespace Gpt

type Constraint = { Nothing: unit }

[<RequireQualifiedAccess>]
module Constraint =
    let vocabulary (_: Tokenizer) : byte[][] = [||]
    let regex (_: byte[][]) (_: int list) (_: string) : Result<Constraint, string> = Ok { Nothing = () }
    let jsonSchema (_: byte[][]) (_: int list) (_: string) : Result<Constraint, string> = Ok { Nothing = () }
