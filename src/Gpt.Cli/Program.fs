module Gpt.Cli.Program
[<EntryPoint>]
let main _ = printfn "%d" Gpt.Prelude.x; 0
