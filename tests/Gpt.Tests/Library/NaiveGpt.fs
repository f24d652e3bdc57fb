/// The transformer again, as slow loops over lists of double numbers: the oracle that the tensor version is held against.
/// It follows the article's formulas and shares no code with the library but the parameter record.
module Gpt.Tests.NaiveGpt

open Gpt

type Row = float[]

let private dot (a: Row) (b: Row) = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b
let private add (a: Row) (b: Row) : Row = Array.map2 (+) a b

let private linear (weight: Row[]) (bias: Row) (x: Row) : Row = Array.map2 (fun row b -> dot row x + b) weight bias

let private norm epsilon (weight: Row) (bias: Row) (x: Row) : Row =
    let mean = Array.average x
    let variance = x |> Array.averageBy (fun v -> (v - mean) ** 2.0)
    Array.map3 (fun v w b -> (v - mean) / sqrt (variance + epsilon) * w + b) x weight bias

/// The error function by its Maclaurin series; enough terms for |x| up to about 5, beyond which it is 1 to double precision.
let private erf (x: float) =
    if abs x > 5.0 then
        float (sign x)
    else
        let term (power, sum) n =
            let power = -power * x * x / float n
            power, sum + power / float (2 * n + 1)

        let _, sum = Seq.fold term (x, x) (seq { 1..120 })
        2.0 / sqrt System.Math.PI * sum

let private activate activation (x: float) =
    match activation with
    | Gelu -> 0.5 * x * (1.0 + erf (x / sqrt 2.0))
    | GeluTanh -> 0.5 * x * (1.0 + tanh (sqrt (2.0 / System.Math.PI) * (x + 0.044715 * x ** 3.0)))
    | Relu -> max 0.0 x

let private softmax (scores: Row) : Row =
    let top = Array.max scores
    let weights = scores |> Array.map (fun s -> exp (s - top))
    weights |> Array.map (fun w -> w / Array.sum weights)

/// The attention of one head: rows of queries, keys and values, one a position.
let private head scale (q: Row[]) (k: Row[]) (v: Row[]) : Row[] =
    q
    |> Array.mapi (fun t query ->
        let weights = Array.init (t + 1) (fun s -> scale * dot query k[s]) |> softmax
        Array.init v[0].Length (fun d -> Seq.sum (seq { for s in 0..t -> weights[s] * v[s][d] })))

let private attention heads scale (w: Row[] * Row) (o: Row[] * Row) (xs: Row[]) : Row[] =
    let qkv = xs |> Array.map (linear (fst w) (snd w))
    let channels = xs[0].Length
    let width = channels / heads

    let part third h =
        qkv
        |> Array.map (fun row -> row[third * channels + h * width .. third * channels + (h + 1) * width - 1])

    let outputs = Array.init heads (fun h -> head scale (part 0 h) (part 1 h) (part 2 h))

    xs
    |> Array.mapi (fun t _ -> outputs |> Array.collect (fun rows -> rows[t]) |> linear (fst o) (snd o))

/// The logits of each position of one sequence.
let logits (model: Model) (tokens: int[]) : float[][] =
    let config = model.Config
    let vector (tensor: Tensor) = Gpt.Tensors.toFloats tensor |> Array.map float
    let matrix (tensor: Tensor) = vector tensor |> Array.chunkBySize (int tensor.shape[1])
    let dense (layer: LinearParams<Tensor>) = matrix layer.Weight, vector layer.Bias
    let normed (layer: NormParams<Tensor>) = norm config.NormEpsilon (vector layer.Weight) (vector layer.Bias)
    let embedding, positions = matrix model.Params.TokenEmbedding, matrix model.Params.PositionEmbedding

    /// transformers' words: 1 / sqrt(head width) if `scale_attn_weights`, then 1 / (layer + 1) if by layer.
    let scale layer =
        (if config.ScaleAttention then
             float (config.Dim / config.Heads) ** -0.5
         else
             1.0)
        / (if config.ScaleByLayer then float layer + 1.0 else 1.0)

    let block (xs: Row[]) (layer: int, p: BlockParams<Tensor>) =
        let attended =
            xs
            |> Array.map (normed p.AttentionNorm)
            |> attention config.Heads (scale layer) (dense p.Attention.QueryKeyValue) (dense p.Attention.Output)

        let xs = Array.map2 add xs attended
        let up, upBias = dense p.FeedForward.Up
        let down, downBias = dense p.FeedForward.Down

        xs
        |> Array.map (fun x ->
            let hidden = normed p.FeedForwardNorm x |> linear up upBias |> Array.map (activate config.Activation)
            add x (linear down downBias hidden))

    let start = tokens |> Array.mapi (fun t id -> add embedding[id] positions[t])

    let head =
        match model.Params.Head with
        | Some own -> matrix own
        | None -> embedding

    Array.fold block start (Array.indexed model.Params.Blocks)
    |> Array.map (normed model.Params.FinalNorm >> fun x -> head |> Array.map (dot x))
