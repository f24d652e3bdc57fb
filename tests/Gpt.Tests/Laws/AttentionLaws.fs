/// Scaled dot-product attention: what a position may see, and that the fused kernel is the formula.
module Gpt.Tests.AttentionLaws

open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

/// [B, H, T, D]
let private sizes = samplesUpTo [ 2; 3; 40; 20 ]

let private three (sample: Sample) =
    let part i = uniform -2.0 2.0 (size sample.Shape) (sample.Seed + i)
    part 0, part 1, part 2

let private causal (q: Tensor) (k: Tensor) (v: Tensor) =
    torch.nn.functional.scaled_dot_product_attention (q, k, v, is_casual = true)

/// Query i may see key j where j <= i.
let private triangle (length: int64) =
    Array.init (int (length * length)) (fun at -> int64 at % length <= int64 at / length)

let private formula (q: Tensor) (k: Tensor) (v: Tensor) (allowed: bool[]) =
    let scores = q.matmul(k.transpose (-2L, -1L)).mul(scalar (1.0 / sqrt (float q.shape[3])))
    let hidden = ofBools [| q.shape[2]; k.shape[2] |] (Array.map not allowed)
    scores.masked_fill(hidden, scalar -infinity).softmax(-1L).matmul v

/// A sequence and a position in it.
let private sizesAndPosition = both sizes (within 0 39)

/// The positions before t, and those from t on, of a [B, H, T, D] tensor.
let private parted t (x: Tensor) = x.narrow (2L, 0L, t), x.narrow (2L, t, x.shape[2] - t)

/// Values that are far from what they were from position t on, and as they were before it.
let private disturb (sample: Sample) (t: int64) (values: float32[]) =
    let length, width = int sample.Shape[2], int sample.Shape[3]
    values |> Array.mapi (fun i x -> if i / width % length >= int t then 1000f * x + 1f else x)

let private noFuture =
    law 100 "outputs before t do not change with keys and values from t on" sizesAndPosition (fun (sample, at) ->
        let q, k, v = three sample
        let t = int64 at % sample.Shape[2]
        let tensor (values: float32[]) = ofFloats sample.Shape values
        let early, late = parted t (causal (tensor q) (tensor k) (tensor v))
        let changedKeys, changedValues = tensor (disturb sample t k), tensor (disturb sample t v)
        let earlyAfter, lateAfter = parted t (causal (tensor q) changedKeys changedValues)
        let same = if repeatsItself then exact else tolerance 1e-6 1e-6
        Fixtures.expectClose same "outputs before t" (toNArray earlyAfter) (toNArray early)
        Expect.isSome (difference same (toNArray lateAfter) (toNArray late)) "outputs from t on do change")

let private noBlame =
    law 100 "outputs before t have a gradient of exactly zero from t on" sizesAndPosition (fun (sample, at) ->
        let q, k, v = three sample
        let t = int64 at % sample.Shape[2]
        let keys, values = leaf (ofFloats sample.Shape k), leaf (ofFloats sample.Shape v)
        let early, _ = parted t (causal (ofFloats sample.Shape q) keys values)
        early.mul(early).sum().backward()

        for name, input in [ "keys", keys; "values", values ] do
            let _, late = parted t (ofNArray (gradientOf input))
            Expect.all (floatsOf late) (fun g -> g = 0f) $"gradient of the {name} from t on")

let private sameAsFormula name (allowed: Sample -> bool[]) (fused: Sample -> Tensor -> Tensor -> Tensor -> Tensor) =
    law 100 name sizes (fun sample ->
        let q, k, v = three sample
        let tensors () = [| for values in [ q; k; v ] -> leaf (ofFloats sample.Shape values) |]
        let got, want = tensors (), tensors ()
        let output = fused sample got[0] got[1] got[2]
        let expected = formula want[0] want[1] want[2] (allowed sample)
        Fixtures.expectClose (tolerance 1e-5 1e-5) "output" (toNArray output) (toNArray expected)

        let weights = ofFloats sample.Shape (uniform -1.0 1.0 (size sample.Shape) (sample.Seed + 3))
        output.mul(weights).sum().backward()
        expected.mul(weights).sum().backward()

        for name, g, w in Array.zip3 [| "q"; "k"; "v" |] got want do
            Fixtures.expectClose (tolerance 3e-5 1e-4) $"gradient of {name}" (gradientOf g) (gradientOf w))

let private lengthOf (sample: Sample) = sample.Shape[2]

/// Any mask that lets every query see something.
let private someMask (sample: Sample) =
    let length = int (lengthOf sample)
    let random = System.Random sample.Seed
    Array.init (length * length) (fun at -> at % length = at / length || random.NextDouble() < 0.5)

let private maskOf (sample: Sample) (allowed: bool[]) = ofBools [| lengthOf sample; lengthOf sample |] allowed

let private full =
    sameAsFormula
        "without a mask it is the formula"
        (fun s -> Array.create (int (lengthOf s * lengthOf s)) true)
        (fun _ q k v -> torch.nn.functional.scaled_dot_product_attention (q, k, v))

let private causalFormula =
    sameAsFormula "causal is the formula with a triangle" (lengthOf >> triangle) (fun _ -> causal)

let private maskedFormula =
    sameAsFormula "a boolean mask is the formula with that mask" someMask (fun s q k v ->
        torch.nn.functional.scaled_dot_product_attention (q, k, v, maskOf s (someMask s)))

/// One query at the end of t keys, as in generation with a cache, sees what the last row of the whole sequence sees.
let private lastRow =
    law 100 "one query over all keys is the last row of causal attention" sizes (fun sample ->
        let q, k, v = three sample
        let tensor (values: float32[]) = ofFloats sample.Shape values
        let last (x: Tensor) = x.narrow (2L, lengthOf sample - 1L, 1L)
        let got = torch.nn.functional.scaled_dot_product_attention (last (tensor q), tensor k, tensor v)
        let want = last (causal (tensor q) (tensor k) (tensor v))
        Fixtures.expectClose (tolerance 1e-5 1e-5) "last row" (toNArray got) (toNArray want))

/// What lets a batch of texts of different lengths give what each gives alone.
let private company =
    law
        200
        "a text's causal attention is the same bits in a longer one, and in a batch"
        sizesAndPosition
        (fun (sample, at) ->
            if not repeatsItself then
                skiptest "libtorch's sums depend on the sizes"

            let q, k, v = three sample
            let tensor (values: float32[]) = ofFloats sample.Shape values
            let part (x: Tensor) = x.narrow(0L, 0L, 1L).narrow(2L, 0L, 1L + int64 at % sample.Shape[2])
            let whole = causal (tensor q) (tensor k) (tensor v)
            let alone = causal (part (tensor q)) (part (tensor k)) (part (tensor v))
            Expect.equal (floatsOf alone) (floatsOf (part whole)) "alone and together")

/// One query with a cache: what a mask hides behind its own keys leaves no trace.
let private hiddenTail =
    law 200 "one query is the same bits whatever a mask hides behind its keys" sizesAndPosition (fun (sample, at) ->
        if not repeatsItself then
            skiptest "libtorch's sums depend on the sizes"

        let q, k, v = three sample
        let tensor (values: float32[]) = ofFloats sample.Shape values
        let seen = 1L + int64 at % lengthOf sample
        let query, keys, values = (tensor q).narrow(2L, 0L, 1L), tensor k, tensor v
        let mask = ofBools [| 1L; lengthOf sample |] [| for j in 1L .. lengthOf sample -> j <= seen |]
        let hiding = torch.nn.functional.scaled_dot_product_attention (query, keys, values, mask)

        let without =
            torch.nn.functional.scaled_dot_product_attention (
                query,
                keys.narrow (2L, 0L, seen),
                values.narrow (2L, 0L, seen)
            )

        Expect.equal (floatsOf hiding) (floatsOf without) "hidden and absent")

let tests =
    testList "attention" [
        company
        hiddenTail
        noFuture
        noBlame
        full
        causalFormula
        maskedFormula
        lastRow
    ]
