/// Matrix products against three loops in double precision, of awkward sizes, transposed, batched and broadcast.
/// A float32 sum of k products may be off by k + 1 roundings of the sum of their absolute values, whatever its order: that bound
/// is the tolerance, element by element (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
module Gpt.Tests.ProductLaws

open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.Tensors

let private roundoff = 1.0 / float (1 <<< 24)

/// C = A B for one matrix pair, and for each element the sum of absolute products.
let private threeLoops (m: int, n: int, k: int) (a: float32[]) (b: float32[]) =
    let cell row column =
        let mutable sum = 0.0
        let mutable absolute = 0.0

        for i in 0 .. k - 1 do
            let product = float a[row * k + i] * float b[i * n + column]
            sum <- sum + product
            absolute <- absolute + abs product

        sum, absolute

    Array.init (m * n) (fun at -> cell (at / n) (at % n))

let private expectBounded what (roundings: int) (got: float32[]) (want: (float * float)[]) =
    Array.iteri2
        (fun at (g: float32) (w, absolute) ->
            let bound = float roundings * roundoff * absolute + 1e-30
            let gap = abs (float g - w)

            if not (gap <= bound) then
                failtest $"{what}: element {at} is {g:R}, expected {w:R}: off by {gap:G3}, the bound is {bound:G3}")
        got
        want

let private transposeData rows columns (values: float32[]) =
    Array.init values.Length (fun at -> values[(at % rows) * columns + at / rows])

/// A matrix as it is, or stored transposed and viewed back.
let private stored transposed (rows: int) (columns: int) (values: float32[]) =
    if transposed then
        (ofFloats [| int64 columns; int64 rows |] (transposeData rows columns values)).transpose(0L, 1L)
    else
        ofFloats [| int64 rows; int64 columns |] values

let private sizes = samplesUpTo [ 67; 67; 67 ]

let private sizesOf (sample: Sample) = int sample.Shape[0], int sample.Shape[1], int sample.Shape[2]

let private plain =
    law 200 "two matrices, either one transposed" (both sizes (within 0 3)) (fun (sample, layout) ->
        let m, n, k = sizesOf sample
        let a, b = uniform -2.0 2.0 (m * k) sample.Seed, uniform -2.0 2.0 (k * n) (sample.Seed + 1)
        let left, right = stored (layout % 2 = 1) m k a, stored (layout / 2 = 1) k n b
        expectBounded "product" (k + 1) (floatsOf (left.matmul right)) (threeLoops (m, n, k) a b))

/// dA = dC B^T and dB = A^T dC.
let private gradients =
    law 100 "gradients of a product are products" sizes (fun sample ->
        let m, n, k = sizesOf sample
        let a, b = uniform -2.0 2.0 (m * k) sample.Seed, uniform -2.0 2.0 (k * n) (sample.Seed + 1)
        let upstream = uniform -1.0 1.0 (m * n) (sample.Seed + 2)
        let left, right = leaf (stored false m k a), leaf (stored false k n b)
        left.matmul(right).mul(stored false m n upstream).sum().backward()
        let ofLeft = threeLoops (m, k, n) upstream (transposeData k n b)
        let ofRight = threeLoops (k, n, m) (transposeData m k a) upstream
        expectBounded "gradient of the left" (n + 1) (NArray.floats (gradientOf left)) ofLeft
        expectBounded "gradient of the right" (m + 1) (NArray.floats (gradientOf right)) ofRight)

let private batches = both (samplesUpTo [ 4; 19; 19; 19 ]) (within 0 2)

let private batched =
    law 100 "a batch is its matrices one by one" batches (fun (sample, shared) ->
        let count = int sample.Shape[0]
        let m, n, k = int sample.Shape[1], int sample.Shape[2], int sample.Shape[3]
        // Which operand is one matrix for the whole batch: none, the left, the right.
        let leftCount, rightCount = (if shared = 1 then 1 else count), (if shared = 2 then 1 else count)
        let a = uniform -2.0 2.0 (leftCount * m * k) sample.Seed
        let b = uniform -2.0 2.0 (rightCount * k * n) (sample.Seed + 1)
        let left = ofFloats [| int64 leftCount; int64 m; int64 k |] a
        let right = ofFloats [| int64 rightCount; int64 k; int64 n |] b
        let product = floatsOf (left.matmul right)

        for i in 0 .. count - 1 do
            let matrix all size = Array.sub all (if Array.length all = size then 0 else i * size) size
            let want = threeLoops (m, n, k) (matrix a (m * k)) (matrix b (k * n))
            expectBounded $"matrix {i}" (k + 1) (Array.sub product (i * m * n) (m * n)) want)

/// y = x W^T + b with W as [out, in]; the bias is one more term of the sum.
let private linear =
    law 200 "linear is a product and a bias" sizes (fun sample ->
        let rows, output, input = sizesOf sample
        let x = uniform -2.0 2.0 (rows * input) sample.Seed
        let weight = uniform -2.0 2.0 (output * input) (sample.Seed + 1)
        let bias = uniform -2.0 2.0 output (sample.Seed + 2)

        let got =
            torch.nn.functional.linear (
                stored false rows input x,
                stored false output input weight,
                ofFloats [| int64 output |] bias
            )

        let want =
            threeLoops (rows, output, input) x (transposeData output input weight)
            |> Array.mapi (fun at (sum, absolute) ->
                sum + float bias[at % output], absolute + abs (float bias[at % output]))

        expectBounded "linear" (input + 2) (floatsOf got) want)

let private empty =
    testCase "a product over nothing is zero" (fun () ->
        scoped (fun () ->
            let left, right = ofFloats [| 2L; 0L |] [||], ofFloats [| 0L; 3L |] [||]
            let product = left.matmul right
            Expect.equal product.shape [| 2L; 3L |] "shape"
            Expect.equal (floatsOf product) (Array.zeroCreate 6) "elements"))

/// What lets a batch give what each of its texts gives alone.
let private company =
    law
        100
        "a row of linear is the same bits in any company, where no graph is recorded"
        (samplesUpTo [ 70; 90; 70 ])
        (fun sample ->
            if not repeatsItself then
                skiptest "libtorch's products depend on the number of rows"

            use _guard = torch.no_grad ()
            let rows, outputs, inputs = sample.Shape[0], sample.Shape[1], sample.Shape[2]
            let x = ofFloats [| rows; inputs |] (uniform -2.0 2.0 (int (rows * inputs)) sample.Seed)

            let weight =
                ofFloats [| outputs; inputs |] (uniform -2.0 2.0 (int (outputs * inputs)) (sample.Seed + 1))

            let bias = ofFloats [| outputs |] (uniform -2.0 2.0 (int outputs) (sample.Seed + 2))
            let together = torch.nn.functional.linear (x, weight, bias)

            for i in 0L .. rows - 1L do
                let alone = torch.nn.functional.linear (x.narrow (0L, i, 1L), weight, bias)
                Expect.equal (floatsOf (together.narrow (0L, i, 1L))) (floatsOf alone) $"row {i}")

let tests = testList "products" [ company; plain; gradients; batched; linear; empty ]
