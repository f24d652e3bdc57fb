/// Tensors that a gradient is wanted for, at the edges: written to, turned, read together with their own gradient. What is wanted
/// was printed by libtorch, as in EdgeTests.
module Gpt.Tests.LeafTests

open Expecto
open TorchSharp
open Gpt.Tests.Tensors
open Gpt.Tests.EdgeTests

let tests =
    testList "leaves" [
        gives "do not make whole numbers require a gradient" [ "Int64 [2] 1 2"; "Bool [1] 0" ] (fun () ->
            let whole = (wholes [ 0L; 0L ]).copy_(leaf (reals [ 1.7f; 2.7f ]))
            [ whole; truths [ whole.requires_grad ] ])
        gives "stay leaves when they are turned unrecorded" [ "Float32 [3,1,2] 1 1 1 1 1 1"; "Bool [2] 1 1" ] (fun () ->
            let w = leaf (torch.ones ([| 2L; 3L |]))
            let unrecorded = torch.no_grad ()
            w.transpose_(0L, 1L).unsqueeze_(1L) |> ignore
            unrecorded.Dispose()
            let truth = truths [ w.requires_grad; w.is_leaf ]
            w.sum().backward()
            [ ofNArray (gradientOf w); truth ])
        gives "whose gradient is multiplied with them get the sum" [ "Float32 [2,2] 5 6 9 10" ] (fun () ->
            let w = leaf (ofFloats [| 2L; 2L |] [| 1f; 2f; 3f; 4f |])
            let gradient = w.detach().clone()
            w.grad <- gradient
            gradient.matmul(w).sum().backward()
            [ ofNArray (gradientOf w) ])
        gives "pass through dropout in place that drops nothing" [ "Float32 [2] 1 2.7182817" ] (fun () ->
            slope [ 0f; 1f ] (fun x ->
                let y = x.exp ()
                torch.nn.functional.dropout (y, 0.5, false, true) |> ignore
                torch.nn.functional.dropout (y, 0.0, true, true) |> ignore
                y))
    ]
