/// One new token a row: the pass that goes through the whole model at once gives what the operators one by one give.
module Gpt.Tests.OneTokenTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law

/// Sizes that no kernel likes, and a model large enough to be shared out among threads.
let private cases: FsCheck.Arbitrary<GptConfig * WeightType * int list> =
    gen {
        let! heads = Gen.choose (1, 5)
        let! width = Gen.elements [ 1; 3; 7; 8; 20 ]
        let! hidden = Gen.choose (1, 200)
        let! layers = Gen.choose (1, 3)
        let! vocabulary = Gen.elements [ 2; 31; 64; 1000 ]
        let! tied = Gen.elements [ true; false ]
        let! activation = Gen.elements [ Gelu; GeluTanh; Relu ]
        let! weights = Gen.elements [ WeightType.Float32; WeightType.BFloat16; WeightType.Int8 ]
        let! rows = Gen.choose (1, 10)
        let! lengths = Gen.listOfLength rows (Gen.choose (0, 70))

        return
            {
                GptConfig.mini with
                    Heads = heads
                    Dim = heads * width
                    FeedForward = hidden
                    Layers = layers
                    VocabSize = vocabulary
                    Context = 80
                    TiedHead = tied
                    Activation = activation
            },
            weights,
            lengths
    }
    |> Arb.fromGen

/// A cache whose rows hold so many tokens; what lies behind them is arbitrary, and the same every time.
let private cacheOf (model: Model) (lengths: int list) : KvCache =
    let cache = KvCache.create lengths.Length model.Config.Context model

    for buffer in Seq.append cache.Keys cache.Values do
        let struct (numbers, _) = Rng.normals (int (buffer.numel ())) (Rng.ofSeed 5UL)
        use filled = Tensors.ofFloats (Device.cpu ()) (List.ofArray buffer.shape) numbers
        buffer.copy_ filled |> ignore

    {
        cache with
            Lengths = Array.ofList lengths
    }

let private all (cache: KvCache) = Seq.append cache.Keys cache.Values |> Seq.map Tensors.toFloats |> Seq.toArray

let private sameBits (config: GptConfig, weights: WeightType, lengths: int list) =
    Tensors.freeing (fun () ->
        use model = Init.modelAs weights (Device.cpu ()) config (Rng.ofSeed 3UL)
        let count = lengths.Length
        let ids = Array.init count (fun i -> int64 (i * 17 % config.VocabSize))
        let ids = Tensors.ofIds (Device.cpu ()) [ int64 count; 1L ] ids
        use one = cacheOf model lengths
        use other = cacheOf model lengths
        let together, after = Transformer.extend model one ids
        let singly, _ = Transformer.extendAll model other ids
        Expect.equal (Tensors.toFloats together) (Tensors.toFloats singly) "logits"
        Expect.equal (all one) (all other) "keys and values"
        Expect.equal (List.ofArray after.Lengths) (List.map ((+) 1) lengths) "lengths")

/// The bits of a model large enough for several threads, at a number of them.
let private bitsWith (threads: int) =
    let before = TorchSharp.torch.get_num_threads ()

    try
        TorchSharp.torch.set_num_threads threads

        let config = {
            GptConfig.mini with
                Dim = 120
                Heads = 5
                VocabSize = 300
        }

        use model = Init.model (Device.cpu ()) config (Rng.ofSeed 4UL)
        let sampling = Sampling.random (Warpers.temperature 1.0)
        Generate.tokens sampling (Rng.ofSeed 1UL) model [| 1; 2 |] |> Seq.take 90 |> List.ofSeq
    finally
        TorchSharp.torch.set_num_threads before

let tests =
    testList "one token" [
        law 150 "the pass at once has the bits of the operators one by one" cases sameBits

        testCase "a token that is not in the vocabulary is refused" (fun () ->
            use model = Init.model (Device.cpu ()) GptConfig.mini (Rng.ofSeed 1UL)
            use cache = KvCache.create 1 8 model
            use ids = Tensors.ofIds (Device.cpu ()) [ 1L; 1L ] [| int64 GptConfig.mini.VocabSize |]
            let extend () = Transformer.extend model cache ids |> ignore

            // Each engine in its own words: libtorch knows one kind of exception.
            if Device.engine = "embedded" then
                Expect.throwsT<ArgumentOutOfRangeException> extend ""
            else
                Expect.throwsT<System.Runtime.InteropServices.ExternalException> extend "")

        testCase "one text at one, two and three threads" (fun () ->
            Expect.equal (bitsWith 2) (bitsWith 1) "two threads"
            Expect.equal (bitsWith 3) (bitsWith 1) "three threads")
    ]
