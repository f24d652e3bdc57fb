/// The operators of the fixtures in terms of TorchSharp: one row an operator, from a call to its outputs by name.
module Gpt.Tests.OpTable

open System.Text.Json
open TorchSharp
open Gpt.Tests.Call
open Gpt.Tests.Tensors

type Row = Call -> (string * Tensor) list

let private one (compute: Call -> Tensor) : Row = fun call -> [ "out", compute call ]

let private pair (struct (values: Tensor, indices: Tensor)) = [ "values", values; "indices", indices ]

/// x and y, or x and the number `other`.
let private binary (both: Tensor -> Tensor -> Tensor) (withNumber: Tensor -> Scalar -> Tensor) =
    one (fun call ->
        let x = tensor "x" call

        match call.Input "y" with
        | Some y -> both x y
        | None -> withNumber x (scalar (real "other" call)))

let private unary (compute: Tensor -> Tensor) = one (tensorNamed [ "x"; "input" ] >> compute)

let private linear =
    one (fun call ->
        let x = tensorNamed [ "x"; "input" ] call
        let weight = tensor "weight" call

        match call.Input "bias" with
        | Some bias -> torch.nn.functional.linear (x, weight, bias)
        | None -> torch.nn.functional.linear (x, weight))

let private matmul =
    one (fun call ->
        let y = tensor "y" call
        let transposed = call.Arg "transpose_y" |> Option.exists _.GetBoolean()
        (tensor "x" call).matmul(if transposed then y.transpose (-1L, -2L) else y))

let private layerNorm =
    one (fun call ->
        let x = tensor "x" call
        let axes = [| x.shape[x.shape.Length - 1] |]
        let eps = real "eps" call

        match call.Input "weight", call.Input "bias" with
        | Some weight, Some bias -> torch.nn.functional.layer_norm (x, axes, weight, bias, eps)
        | _ -> torch.nn.functional.layer_norm (x, axes, eps = eps))

let private gelu =
    one (fun call ->
        let form =
            match text "approximate" call with
            | "tanh" -> Modules.GELU.Approximate.tanh
            | _ -> Modules.GELU.Approximate.none

        torch.nn.functional.gelu (tensor "x" call, form))

let private crossEntropy =
    one (fun call ->
        let reduction =
            match text "reduction" call with
            | "sum" -> torch.nn.Reduction.Sum
            | "none" -> torch.nn.Reduction.None
            | _ -> torch.nn.Reduction.Mean

        torch.nn.functional.cross_entropy (
            tensor "logits" call,
            tensor "target" call,
            ignore_index = whole "ignore_index" call,
            reduction = reduction,
            label_smoothing = real "label_smoothing" call
        ))

/// TorchSharp has no `embedding` function: the rows are selected, then given the shape of the ids.
let private embedding =
    one (fun call ->
        let weight, ids = tensor "weight" call, tensor "ids" call
        weight.index_select(0L, ids.reshape -1L).reshape(Array.append ids.shape [| weight.shape[1] |]))

/// TorchSharp's function has no scale: q is scaled beforehand by what the function will not do itself.
/// A query that is shorter than the keys comes with its mask, for `is_casual` aligns top-left.
let private attention =
    one (fun call ->
        let q, k, v = tensor "q" call, tensor "k" call, tensor "v" call

        let scaled =
            match call.Arg "scale" with
            | Some scale -> q.mul (scalar (scale.GetDouble() * sqrt (float q.shape[3])))
            | None -> q

        let causal = call.Arg "causal" |> Option.exists (fun causal -> causal.ValueKind = JsonValueKind.True)

        match call.Input "mask" with
        | Some mask -> torch.nn.functional.scaled_dot_product_attention (scaled, k, v, mask)
        | None -> torch.nn.functional.scaled_dot_product_attention (scaled, k, v, is_casual = causal))

let private cat =
    one (fun call ->
        let parts = [| for name in [ "x"; "y"; "z" ] -> tensor name call |]
        torch.cat (parts, whole "dim" call))

let private split: Row =
    fun call ->
        let x, dim = tensor "x" call, whole "dim" call

        match wholes "sizes" call with
        | Some sizes -> List.zip [ "a"; "b"; "c" ] (List.ofArray (x.split (sizes, dim)))
        | None -> List.zip [ "q"; "k"; "v" ] (List.ofArray (x.split (whole "size" call, int dim)))

let private reshaped call (x: Tensor) =
    match wholes "reshape" call with
    | Some shape -> x.reshape shape
    | None -> x

let private transposed name call (x: Tensor) =
    match wholes name call with
    | Some dims -> x.transpose (dims[0], dims[1])
    | None -> x

let private permute =
    one (fun call ->
        let dims = wholes "dims" call |> Option.defaultValue [||]
        (tensor "x" call).permute dims |> reshaped call)

let private reduce (all: Tensor -> Tensor) (some: Tensor -> int64[] -> bool -> Tensor) =
    one (fun call ->
        let x, keepdim = tensor "x" call, flag "keepdim" call

        match wholes "dims" call with
        | Some dims -> some x dims keepdim
        | None -> all x)

let private max: Row =
    fun call ->
        let x = tensor "x" call

        match call.Arg "dim" with
        | Some dim -> pair (x.max (dim.GetInt64(), flag "keepdim" call))
        | None -> [ "out", x.max () ]

let private argmax =
    one (fun call ->
        let x, keepdim = tensor "x" call, flag "keepdim" call

        match call.Arg "dim" with
        | Some dim -> x.argmax (dim.GetInt64(), keepdim)
        | None -> x.argmax ())

let private pow =
    one (fun call ->
        let x = tensor "x" call

        match call.Input "y" with
        | Some y -> x.pow y
        | None -> x.pow (scalar (real "exponent" call)))

let private topk: Row =
    fun call ->
        let k, dim = int (whole "k" call), int (whole "dim" call)
        pair ((tensor "x" call).topk(k, dim, flag "largest" call, flag "sorted" call))

let private sort: Row =
    fun call -> pair ((tensor "x" call).sort(whole "dim" call, flag "descending" call, flag "stable" call))

/// Every operator that the fixtures know, by its name there.
let rows: Map<string, Row> =
    Map [
        "linear", linear
        "matmul", matmul
        "add", binary (fun x y -> x.add y) (fun x n -> x.add n)
        "sub", binary (fun x y -> x.sub y) (fun x n -> x.sub n)
        "mul", binary (fun x y -> x.mul y) (fun x n -> x.mul n)
        "div", binary (fun x y -> x.div y) (fun x n -> x.div n)
        "pow", pow
        "sqrt", unary _.sqrt()
        "exp", unary _.exp()
        "log", unary _.log()
        "tanh", unary _.tanh()
        "sigmoid", unary _.sigmoid()
        "relu", unary torch.nn.functional.relu
        "gelu", gelu
        "layer_norm", layerNorm
        "softmax", one (fun call -> (tensor "x" call).softmax(whole "dim" call))
        "log_softmax", one (fun call -> (tensor "x" call).log_softmax(whole "dim" call))
        "cross_entropy", crossEntropy
        "embedding", embedding
        "index_select", one (fun call -> (tensor "x" call).index_select(whole "dim" call, tensor "index" call))
        "gather", one (fun call -> (tensor "x" call).gather(whole "dim" call, tensor "index" call))
        "scaled_dot_product_attention", attention
        "cat", cat
        "split", split
        "narrow", one (fun call -> (tensor "x" call).narrow(whole "dim" call, whole "start" call, whole "length" call))
        "transpose", one (fun call -> tensor "x" call |> transposed "dims" call)
        "permute", permute
        "reshape", one (fun call -> tensor "x" call |> reshaped call |> transposed "then_transpose" call)
        "sum", reduce _.sum() (fun x dims keepdim -> x.sum (dims, keepdim))
        "mean", reduce _.mean() (fun x dims keepdim -> x.mean (dims, keepdim))
        "max", max
        "argmax", argmax
        "cumsum", one (fun call -> (tensor "x" call).cumsum(whole "dim" call))
        "topk", topk
        "sort", sort
        "masked_fill", one (fun call -> (tensor "x" call).masked_fill(tensor "mask" call, scalar (real "value" call)))
        "where", one (fun call -> torch.where (tensor "cond" call, tensor "x" call, tensor "y" call))
    ]
