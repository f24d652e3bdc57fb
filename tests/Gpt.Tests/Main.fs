module Gpt.Tests.Main
open Expecto
[<EntryPoint>]
let main args = runTestsWithCLIArgs [] args (testList "all" [ testCase "a" (fun () -> Expect.equal 1 Gpt.Prelude.x "x"); testProperty "p" (fun (a: int) -> a = a) ])
