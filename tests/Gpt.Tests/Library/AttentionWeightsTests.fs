/// The weights of attention, and the distributions that a choice goes through.
module Gpt.Tests.AttentionWeightsTests

open Expecto
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

/// What a layer's attention gives for x (1, T, C), from its weights [head][query][key] by plain sums: the values mixed, the
/// heads side by side, the output layer.
let private mixed (config: GptConfig) (parameters: AttentionParams<Tensor>) (weights: float[][][]) (x: Tensor) =
    let time, channels, width = int x.shape[1], config.Dim, config.Dim / config.Heads
    let projected = Gpt.Tensors.toFloats (Layers.linear parameters.QueryKeyValue x)
    let value t c = float projected[t * 3 * channels + 2 * channels + c]

    Array.init (time * channels) (fun place ->
        let t, c = place / channels, place % channels
        let weighed s = weights[c / width].[t].[s] * value s c
        float32 (Seq.sumBy weighed (seq { 0 .. time - 1 })))
    |> Gpt.Tensors.ofFloats (Device.cpu ()) [ 1L; int64 time; int64 channels ]
    |> Layers.linear parameters.Output
    |> Gpt.Tensors.toFloats

let private scalings = [
    config
    { config with ScaleAttention = false }
    { config with ScaleByLayer = true }
]

let tests =
    testList "attention weights" [
        law 100 "each row is a distribution over what came before" (tokens 11 1 8) (fun ids ->
            use model = denseModel config
            let weights = AttentionWeights.ofTokens model (Array.ofList ids)

            Expect.equal
                (weights.Length, weights |> Array.head |> Array.length)
                (config.Layers, config.Heads)
                "layers and heads"

            for head in Array.concat weights do
                head
                |> Array.iteri (fun query row ->
                    Expect.equal row.Length ids.Length "a weight a token"
                    Expect.isTrue (row |> Array.forall (fun weight -> weight >= 0.0 && weight <= 1.0)) "in 0 to 1"
                    Expect.isTrue (abs (Array.sum row - 1.0) < 1e-5) "sum"
                    Expect.isTrue (row |> Array.skip (query + 1) |> Array.forall ((=) 0.0)) "nothing later"))

        for config in scalings do
            law
                50
                $"they mix the values to what the model's attention gives, scaled {config.ScaleAttention} {config.ScaleByLayer}"
                (tokens 11 1 8)
                (fun ids ->
                    use model = denseModel config
                    let weights = AttentionWeights.ofTokens model (Array.ofList ids)

                    // The first layer's input is at hand: the embeddings, normalized.
                    let embedded =
                        model.Params.TokenEmbedding
                            .index_select(0L, (Small.ids [ ids ]).reshape(-1L))
                            .add(model.Params.PositionEmbedding.narrow (0L, 0L, int64 ids.Length))
                            .unsqueeze(0L)

                    let block = model.Params.Blocks[0]
                    let x = Layers.norm config.NormEpsilon block.AttentionNorm embedded
                    let expected = Attention.forward Eval config None 0 block.Attention x |> Gpt.Tensors.toFloats

                    Array.iter2
                        (fun a b -> Expect.isTrue (abs (a - b) < 1e-4f) $"{a} and {b}")
                        (mixed config block.Attention weights[0] x)
                        expected)

        law 100 "what comes later changes nothing" (tokens 11 2 8) (fun ids ->
            use model = denseModel config
            let all = AttentionWeights.ofTokens model (Array.ofList ids)
            let fewer = AttentionWeights.ofTokens model (Array.ofList ids |> Array.truncate (ids.Length - 1))

            for layer in 0 .. config.Layers - 1 do
                for head in 0 .. config.Heads - 1 do
                    for query in 0 .. ids.Length - 2 do
                        for key in 0..query do
                            let a, b = all[layer].[head].[query].[key], fewer[layer].[head].[query].[key]
                            Expect.isTrue (abs (a - b) < 1e-5) $"{a} and {b}")

        testCase "no tokens and too many are refused" (fun () ->
            use model = denseModel config

            for count in [ 0; 9 ] do
                Expect.throwsT<System.ArgumentOutOfRangeException>
                    (fun () -> AttentionWeights.ofTokens model (Array.zeroCreate count) |> ignore)
                    $"{count}")

        law 100 "the distributions of a choice are those of its stages, one after the other" (tokens 11 1 8) (fun ids ->
            use model = denseModel config
            let ids = Array.ofList ids
            let warpers = [ Warpers.temperature 0.5; Warpers.topK 4; Warpers.topP 0.7 ]

            let sampling = {
                Stages = List.map Warp warpers
                Pick = Draw
            }

            let found = Trace.distributions sampling (Rng.ofSeed 1UL) model ids

            let logits =
                (Transformer.forward Eval model (Small.ids [ List.ofArray ids ])).select(1L, ids.LongLength - 1L)

            let expected =
                (logits, warpers)
                ||> List.scan (fun logits warp -> warp logits)
                |> List.map (fun logits -> Gpt.Tensors.toFloats (logits.softmax -1L) |> Array.map float)

            Expect.equal found expected "four")
    ]
