/// Who disposes of what: a scope takes everything made in it, a disposed tensor cannot be read, and no graph is kept where none is
/// wanted. Training rests on it: what a step leaves behind is what fills the memory.
module Gpt.Tests.ScopeTests

open System
open System.Threading
open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

/// Live tensors, once the finalizers of tensors that other tests dropped have run.
let private liveTensors () =
    for _ in 1..2 do
        GC.Collect()
        GC.WaitForPendingFinalizers()

    Tensor.TotalCount

/// Some operators of every kind, by number.
let private operators: (Tensor -> Tensor)[] = [|
    _.tanh()
    _.softmax(-1L)
    fun t -> t.add t
    fun t -> t.mul (scalar 0.5)
    fun t -> t.transpose (0L, 1L)
    fun t -> t.reshape(-1L).reshape t.shape
    fun t -> t.sum ([| 0L |], true)
    fun t -> torch.cat ([| t; t |], 0L)
    fun t -> t.split(1L, 0)[0]
    fun t -> t.matmul (t.transpose (0L, 1L))
    fun t -> torch.nn.functional.layer_norm (t, [| t.shape[1] |])
    fun t -> torch.nn.functional.gelu (t, Modules.GELU.Approximate.tanh)
|]

let private apply (t: Tensor) step = operators[step % operators.Length] t

let private programs = both (samplesUpTo [ 5; 6 ]) (within 0 1_000_000)

let private leavesNothing =
    law 100 "a scope with operators and a backward pass leaves no tensor behind" programs (fun (sample, program) ->
        let before = liveTensors ()

        scoped (fun () ->
            let x = leaf (ofFloats sample.Shape (numbers sample))
            let output = List.fold apply x [ program; program / 12; program / 144 ]
            output.mul(output).sum().backward()
            Expect.isGreaterThan Tensor.TotalCount before "tensors inside the scope")

        Expect.equal Tensor.TotalCount before "tensors after the scope")

let private keepsWhatIsMoved =
    testCase "a tensor moved out lives on, and its gradient with it" (fun () ->
        scoped (fun () ->
            let moved =
                scoped (fun () ->
                    let x = leaf (ofFloats [| 2L |] [| 1f; 2f |])
                    x.mul(x).sum().backward()
                    x.MoveToOuterDisposeScope())

            Expect.equal (floatsOf moved) [| 1f; 2f |] "values"
            Fixtures.expectClose exact "gradient" (gradientOf moved) (reals [| 2L |] [| 2f; 4f |])))

let private keepsWhatIsDetached =
    testCase "a tensor detached from its scope must be disposed of by hand" (fun () ->
        let before = liveTensors ()
        let kept = scoped (fun () -> (ofFloats [| 3L |] [| 1f; 2f; 3f |]).DetachFromDisposeScope())
        Expect.equal (floatsOf kept) [| 1f; 2f; 3f |] "values"
        kept.Dispose()
        Expect.equal (liveTensors ()) before "tensors at the end")

/// A view shares the numbers: they live as long as anything that shows them.
let private viewsOutlive =
    testCase "a view outlives the tensor it was taken of" (fun () ->
        scoped (fun () ->
            let whole = ofFloats [| 2L; 2L |] [| 1f; 2f; 3f; 4f |]
            let row = whole.select (0L, 1L)
            whole.Dispose()
            Expect.equal (floatsOf row) [| 3f; 4f |] "the row"))

/// The graph keeps what the gradient needs, whether or not the tensors in between are disposed of.
let private graphOutlives =
    testCase "disposing of what lies between does not spoil the gradient" (fun () ->
        scoped (fun () ->
            let x = leaf (ofFloats [| 2L |] [| 0.5f; -1f |])

            let loss =
                scoped (fun () ->
                    let squares = x.mul x
                    squares.mul(squares).sum().MoveToOuterDisposeScope())

            loss.backward ()
            Fixtures.expectClose (tolerance 1e-6 1e-6) "4 x^3" (gradientOf x) (reals [| 2L |] [| 0.5f; -4f |])))

let private disposedThrows =
    testCase "reading a disposed tensor throws" (fun () ->
        let t = ofFloats [| 2L |] [| 1f; 2f |]
        t.Dispose()
        Expect.isTrue t.IsInvalid "IsInvalid"
        Expect.throws (fun () -> floatsOf t |> ignore) "reading"
        Expect.throws (fun () -> t.add (scalar 1.0) |> ignore) "computing")

let private noGraph =
    testCase "no_grad builds no graph, and what follows does again" (fun () ->
        scoped (fun () ->
            let x = leaf (ofFloats [| 2L |] [| 1f; 2f |])

            let without =
                use _guard = torch.no_grad ()
                x.mul x

            Expect.isFalse without.requires_grad "inside no_grad"
            Expect.throws (fun () -> without.sum().backward()) "going back from there"
            Expect.isTrue (x.mul x).requires_grad "after no_grad"))

let private detached =
    testCase "a detached tensor is a constant" (fun () ->
        scoped (fun () ->
            let x = leaf (ofFloats [| 2L |] [| 1f; 2f |])
            x.mul(x.detach ()).sum().backward()
            Fixtures.expectClose exact "gradient" (gradientOf x) (reals [| 2L |] [| 1f; 2f |])))

/// A scope belongs to the thread that opened it: another thread's tensors are not taken along.
let private perThread =
    testCase "a scope takes only the tensors of its own thread" (fun () ->
        scoped (fun () ->
            let mutable foreign = Unchecked.defaultof<Tensor>

            scoped (fun () ->
                let thread = Thread(fun () -> foreign <- ofFloats [| 1L |] [| 7f |])
                thread.Start()
                thread.Join())

            Expect.equal (floatsOf foreign) [| 7f |] "the other thread's tensor"
            foreign.Dispose()))

let tests =
    testList "scopes" [
        leavesNothing
        keepsWhatIsMoved
        keepsWhatIsDetached
        viewsOutlive
        graphOutlives
        disposedThrows
        noGraph
        detached
        perThread
    ]
