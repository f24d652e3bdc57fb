module Gpt.Cli.Program
[<EntryPoint>]
let main _ = printfn "%d" 1; 0
