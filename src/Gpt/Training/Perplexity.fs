namespace Gpt

open TorchSharp

/// A stretch of a text that a model reads at once: the tokens `Start` to `End` - 1. Those from `ScoreFrom` on are scored.
type ScoredWindow = {
    /// The first token that is read.
    Start: int
    /// The place behind the last.
    End: int
    /// The first token that is scored, after `Start`.
    ScoreFrom: int
}

/// How well a model predicts a text.
type PerplexityReport = {
    /// How many tokens were predicted, each once.
    ScoredTokens: int
    /// The mean of their negative log-likelihoods, in nats.
    MeanNll: float
    /// e to the mean: how many equally likely tokens the model hesitates between.
    Perplexity: float
}

/// Perplexity of a text that is longer than a model's context, by windows that move over it (Hugging Face's "Perplexity of
/// fixed-length models"): each token is scored once, in the first window that has something before it. With a stride as long
/// as the context the windows do not overlap, and the first token of each is not scored; a shorter stride gives every
/// token but the text's first at least `context - stride` tokens before it, and costs as much more.
[<RequireQualifiedAccess>]
module Perplexity =

    /// How many float32 numbers one intermediate tensor may have: 32 MB.
    let private room = 1 <<< 23

    /// The windows over a text of `count` tokens, as they are asked for. `context` is at least 2, `stride` in 1 to `context`.
    let windows (context: int) (stride: int) (count: int) : seq<ScoredWindow> =
        let finishOf start = min count (start + context)

        let windowAt start =
            let border = if start = 0 then 1 else finishOf (start - stride)

            {
                Start = start
                End = finishOf start
                ScoreFrom = max border (start + 1)
            }

        // Behind the first window that reaches the text's end there is nothing left to score.
        seq { 0..stride .. max 0 (count - context + stride - 1) }
        |> Seq.map windowAt
        |> Seq.filter (fun window -> window.ScoreFrom < window.End)

    /// The losses of equally long windows, read side by side: (position in the text, negative log-likelihood).
    let private score (model: Model) (tokens: int[]) (batch: ScoredWindow[]) : (int * float)[] =
        Tensors.noGrad (fun () ->
            Tensors.freeing (fun () ->
                let device = Model.device model
                let length = batch[0].End - batch[0].Start

                let ids =
                    batch
                    |> Seq.collect (fun window -> tokens[window.Start .. window.End - 1])
                    |> Seq.map int64
                    |> Array.ofSeq
                    |> Tensors.ofIds device [ int64 batch.Length; int64 length ]

                let hidden = (Transformer.hidden Eval model ids).view(-1L, int64 model.Config.Dim)

                let lossesOf (places: (int * int)[]) =
                    Tensors.freeing (fun () ->
                        let pick (values: int64[]) = Tensors.ofIds device [ places.LongLength ] values
                        let rows = hidden.index_select (0L, places |> Array.map (fun (row, _) -> int64 row) |> pick)
                        let targets = places |> Array.map (fun (_, position) -> int64 tokens[position]) |> pick
                        let logits = Transformer.head model rows

                        let losses =
                            torch.nn.functional.cross_entropy (logits, targets, reduction = torch.nn.Reduction.None)

                        Array.map2 (fun (_, position) loss -> position, float loss) places (Tensors.toFloats losses))

                [|
                    for i, window in Array.indexed batch do
                        // The token at a position is predicted from the one before it.
                        for position in window.ScoreFrom .. window.End - 1 ->
                            i * length + position - 1 - window.Start, position
                |]
                |> Array.chunkBySize (max 1 (room / model.Config.VocabSize))
                |> Array.collect lossesOf))

    /// How many windows are read side by side.
    let private batchSize (config: GptConfig) (context: int) =
        max 1 (room / (context * max config.FeedForward (3 * config.Dim)))

    /// Whether windows can move over a text so; the error is one sentence that names the argument, its value and what would
    /// be right.
    let checkWindows (context: int) (stride: int) (model: Model) : Result<unit, string> =
        if context < 2 || context > model.Config.Context then
            Error $"context is {context}; it must be in 2 to the model's, {model.Config.Context}"
        elif stride < 1 || stride > context then
            Error $"stride is {stride}; it must be in 1 to the context, {context}"
        else
            Ok()

    /// Whether a text can be scored; the error is one sentence that says what is wrong with it.
    let checkText (model: Model) (tokens: int[]) : Result<unit, string> =
        let vocabulary = model.Config.VocabSize

        if tokens.Length < 2 then
            Error $"the text has {tokens.Length} tokens; it takes at least 2 to predict one from another"
        else
            match tokens |> Array.tryFindIndex (fun id -> id < 0 || id >= vocabulary) with
            | Some i -> Error $"token {i} of the text is {tokens[i]}; ids must be in 0 to {vocabulary - 1}"
            | None -> Ok()

    /// The negative log-likelihood in nats of every scored token, with its position, in the order of the text. Computed as it
    /// is asked for; memory is bounded whatever the length of the text and the size of the vocabulary.
    /// Raises ArgumentException when `checkWindows` or `checkText` refuses.
    let losses (context: int) (stride: int) (model: Model) (tokens: int[]) : seq<int * float> =
        match checkWindows context stride model, checkText model tokens with
        | Error sentence, _ -> invalidArg (nameof context) sentence
        | _, Error sentence -> invalidArg (nameof tokens) sentence
        | Ok(), Ok() ->
            windows context stride tokens.Length
            |> Seq.chunkBySize (batchSize model.Config context)
            // The last window may be shorter than the others.
            |> Seq.collect (Array.groupBy (fun window -> window.End - window.Start))
            |> Seq.collect (snd >> score model tokens)

    /// The perplexity of a text, given as token ids, with windows of `context` tokens that move by `stride`.
    /// Raises ArgumentException when `checkWindows` or `checkText` refuses.
    let measure (context: int) (stride: int) (model: Model) (tokens: int[]) : PerplexityReport =
        let count, sum =
            losses context stride model tokens
            |> Seq.fold (fun (count, sum) (_, loss) -> count + 1, sum + loss) (0, 0.0)

        let mean = sum / float count

        {
            ScoredTokens = count
            MeanNll = mean
            Perplexity = Loss.perplexity mean
        }
