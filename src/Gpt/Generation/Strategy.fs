namespace Gpt

open System

/// One thing that is done to logits, with its settings; see the function of the same name in `Biases`, `Penalties`, `Warpers`,
/// `Mirostat` and `Constraint` for what it does and which settings it takes.
type Processor =
    /// Adds a number to the logits of each of these tokens; `Biases.logit`.
    | LogitBias of (int * float) list
    /// Adds a number to the logit of the last token of each sequence, where the others stand before it; `Biases.sequence`.
    | SequenceBias of (int list * float) list
    /// Rules out the last token of each sequence, where the others stand before it; `Biases.badWords`.
    | BadWords of int list list
    /// Rules these tokens out; `Biases.banned`.
    | BannedTokens of int list
    /// Rules out all other tokens; `Biases.allowed`.
    | AllowedTokens of int list
    /// The first new tokens are these; `Biases.forcedFirst`.
    | ForcedTokens of int list
    /// Rules out what a pattern or a schema does not allow; `Stage.constrained`.
    | Constrained of Constraint
    /// Makes tokens of the text less likely, by a factor; `Penalties.repetition`.
    | RepetitionPenalty of float
    /// Takes a number off each token of the text; `Penalties.presenceAndFrequency`.
    | PresencePenalty of float
    /// Takes a number off each token of the text, as often as it stands there; `Penalties.presenceAndFrequency`.
    | FrequencyPenalty of float
    /// No run of so many tokens comes twice; `Penalties.noRepeatNgram`.
    | NoRepeatNgram of int
    /// Takes the more off a token the longer the run that it would repeat; `Penalties.dry`.
    | Dry of Dry
    /// Divides the logits; `Warpers.temperature`.
    | Temperature of float
    /// Divides the logits by a number that grows with the entropy; `Warpers.dynamicTemperature`.
    | DynamicTemperature of low: float * high: float * exponent: float
    /// Keeps what lies so many deviations below the best; `Warpers.topNSigma`.
    | TopNSigma of float
    /// Keeps so many tokens; `Warpers.topK`.
    | TopK of int
    /// Keeps the fewest tokens that hold this probability; `Warpers.topP`.
    | TopP of float
    /// Keeps what is at least so many times as likely as the best; `Warpers.minP`.
    | MinP of float
    /// Keeps what is at least so many times as likely as the best squared; `Warpers.topA`.
    | TopA of float
    /// Keeps what is about as surprising as the entropy; `Warpers.typical`.
    | TypicalP of float
    /// Rules out what is less likely than this; `Warpers.epsilonCutoff`.
    | EpsilonCutoff of float
    /// Rules out what is less likely than a bound that falls with the entropy; `Warpers.etaCutoff`.
    | EtaCutoff of float
    /// With this probability rules out the likely tokens but the last of them; `Stage.xtc`.
    | Xtc of probability: float * threshold: float
    /// Keeps the surprise of a text near a target; `Stage.mirostat`.
    | Mirostat of Mirostat

/// How tokens are chosen, as plain data: what the command line and the C# facade make from their options. Nothing is done
/// that is not among the processors, and they are done in their order; `Strategy.inOrder` puts them into a known one.
type Strategy = {
    /// What is done to the logits, in this order.
    Processors: Processor list
    /// How many of the last tokens the penalties look at; None is all of the text there is.
    PenaltyWindow: int option
    /// How a token is picked from what they leave.
    Pick: Pick
}

[<RequireQualifiedAccess>]
module Strategy =

    /// The most likely token, and nothing done to the logits.
    let greedy: Strategy = {
        Processors = []
        PenaltyWindow = None
        Pick = Best
    }

    /// A draw by these processors, in this order.
    let random (processors: Processor list) : Strategy = {
        greedy with
            Processors = processors
            Pick = Draw
    }

    /// What a processor is called: transformers' name where it has it, llama.cpp's else.
    let name (processor: Processor) : string =
        match processor with
        | LogitBias _ -> "logit-bias"
        | SequenceBias _ -> "sequence-bias"
        | BadWords _ -> "bad-words"
        | BannedTokens _ -> "suppress-tokens"
        | AllowedTokens _ -> "allowed-tokens"
        | ForcedTokens _ -> "forced-tokens"
        | Constrained _ -> "constraint"
        | RepetitionPenalty _ -> "repetition-penalty"
        | PresencePenalty _ -> "presence-penalty"
        | FrequencyPenalty _ -> "frequency-penalty"
        | NoRepeatNgram _ -> "no-repeat-ngram"
        | Dry _ -> "dry"
        | Temperature _ -> "temperature"
        | DynamicTemperature _ -> "dynamic-temperature"
        | TopNSigma _ -> "top-n-sigma"
        | TopK _ -> "top-k"
        | TopP _ -> "top-p"
        | MinP _ -> "min-p"
        | TopA _ -> "top-a"
        | TypicalP _ -> "typical-p"
        | EpsilonCutoff _ -> "epsilon-cutoff"
        | EtaCutoff _ -> "eta-cutoff"
        | Xtc _ -> "xtc"
        | Mirostat _ -> "mirostat"

    let private rules = [
        "logit-bias"
        "sequence-bias"
        "repetition-penalty"
        "frequency-penalty"
        "presence-penalty"
        "no-repeat-ngram"
        "dry"
        "bad-words"
        "suppress-tokens"
        "allowed-tokens"
        "constraint"
        "forced-tokens"
    ]

    /// The order of Hugging Face transformers 5: temperature before the cuts, so that they see the distribution it makes.
    /// Processors that transformers does not have stand at their like.
    let huggingFaceOrder: string list =
        rules
        @ [
            "temperature"
            "dynamic-temperature"
            "top-k"
            "top-p"
            "min-p"
            "top-a"
            "typical-p"
            "epsilon-cutoff"
            "eta-cutoff"
            "top-n-sigma"
            "xtc"
            "mirostat"
        ]

    /// The order of llama.cpp: temperature after the cuts, so that they see the model's own distribution.
    /// Processors that llama.cpp does not have stand at their like.
    let llamaCppOrder: string list =
        rules
        @ [
            "top-n-sigma"
            "top-k"
            "typical-p"
            "top-p"
            "min-p"
            "top-a"
            "epsilon-cutoff"
            "eta-cutoff"
            "xtc"
            "temperature"
            "dynamic-temperature"
            "mirostat"
        ]

    /// The strategy with its processors in the order of their names in a list. The error names a processor that the list lacks.
    let inOrder (order: string list) (strategy: Strategy) : Result<Strategy, string> =
        let place processor = order |> List.tryFindIndex ((=) (name processor))

        match strategy.Processors |> List.tryFind (place >> Option.isNone) with
        | Some processor ->
            let known = String.concat ", " order
            Error $"{name processor} is asked for but does not stand in the order; it is {known}"
        | None ->
            Ok {
                strategy with
                    Processors = strategy.Processors |> List.sortBy (place >> Option.get)
            }

    /// Processors that never change which token is the most likely.
    let private keepsBest (processor: Processor) =
        match processor with
        | Temperature _
        | DynamicTemperature _
        | TopNSigma _
        | TopK _
        | TopP _
        | MinP _
        | TopA _
        | EpsilonCutoff _
        | EtaCutoff _
        | Mirostat _ -> true
        | _ -> false

    let private looksBack (processor: Processor) =
        match processor with
        | RepetitionPenalty _
        | PresencePenalty _
        | FrequencyPenalty _ -> true
        | _ -> false

    /// What in a strategy contradicts itself or would have no effect.
    let private conflict (strategy: Strategy) : string option =
        let names = strategy.Processors |> List.map name
        let has name = List.contains name names

        [
            match names |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
            | Some(name, count) -> $"{name} is asked for {count} times; once is right"
            | None -> ()
            if has "temperature" && has "dynamic-temperature" then
                "temperature and dynamic-temperature are both asked for; one of them is right"
            match strategy.Pick, strategy.Processors |> List.tryFind keepsBest with
            | Best, Some processor -> $"{name processor} does nothing in a greedy choice; leave one of them out"
            | _ -> ()
            match strategy.PenaltyWindow with
            | Some window when window < 1 -> $"the penalty window is {window}; it must be at least 1"
            | Some _ when not (List.exists looksBack strategy.Processors) ->
                "a penalty window is asked for, but no penalty that looks through it"
            | _ -> ()
        ]
        |> List.tryHead

    /// The ids a processor names.
    let private idsOf (processor: Processor) : int seq =
        match processor with
        | LogitBias biases -> Seq.map fst biases
        | SequenceBias biases -> Seq.collect fst biases
        | BadWords words -> Seq.concat words
        | BannedTokens ids
        | AllowedTokens ids
        | ForcedTokens ids -> ids
        | Dry options -> Seq.concat options.Breakers
        | _ -> []

    /// A stage that looks at the text. Its arguments are looked at before any text: an empty one finds out what is wrong.
    let private look (make: History -> Tensor -> Tensor) : Stage =
        make [||] |> ignore
        Look(fun turn -> make turn.Texts)

    let private stage (window: int option) (processor: Processor) : Stage =
        match processor with
        | LogitBias biases -> Warp(Biases.logit biases)
        | SequenceBias biases -> look (Biases.sequence biases)
        | BadWords words -> look (Biases.badWords words)
        | BannedTokens ids -> Warp(Biases.banned ids)
        | AllowedTokens ids -> Warp(Biases.allowed ids)
        | ForcedTokens ids -> Time(fun moment -> Biases.forcedFirst ids moment.Produced)
        | Constrained constrained -> Stage.constrained constrained
        | RepetitionPenalty penalty -> Count(window, Penalties.repetitionOf penalty)
        | PresencePenalty penalty -> Count(window, Penalties.presenceAndFrequencyOf penalty 0.0)
        | FrequencyPenalty penalty -> Count(window, Penalties.presenceAndFrequencyOf 0.0 penalty)
        | NoRepeatNgram size -> look (Penalties.noRepeatNgram size)
        | Dry options -> look (Penalties.dry options)
        | Temperature temperature -> Warp(Warpers.temperature temperature)
        | DynamicTemperature(low, high, exponent) -> Warp(Warpers.dynamicTemperature low high exponent)
        | TopNSigma n -> Warp(Warpers.topNSigma n)
        | TopK k -> Warp(Warpers.topK k)
        | TopP p -> Warp(Warpers.topP p)
        | MinP p -> Warp(Warpers.minP p)
        | TopA a -> Warp(Warpers.topA a)
        | TypicalP p -> Warp(Warpers.typical p)
        | EpsilonCutoff epsilon -> Warp(Warpers.epsilonCutoff epsilon)
        | EtaCutoff epsilon -> Warp(Warpers.etaCutoff epsilon)
        | Xtc(probability, threshold) -> Stage.xtc probability threshold
        | Mirostat options -> Stage.mirostat options

    /// The first of `choices` that is an error, or all.
    let private all (results: Result<'a, string> list) : Result<'a list, string> =
        (results, Ok [])
        ||> List.foldBack (fun result rest ->
            Result.bind (fun value -> Result.map (fun values -> value :: values) rest) result)

    /// What a strategy does with a vocabulary of this size. The error is one sentence that names a processor, its value and what would
    /// be right, or two processors that contradict each other.
    let sampling (vocab: int) (strategy: Strategy) : Result<Sampling, string> =
        let make (processor: Processor) =
            match GenerationOptions.foreign $"{name processor}: token" vocab (idsOf processor) with
            | Some sentence -> Error sentence
            | None ->
                try
                    Ok(stage strategy.PenaltyWindow processor)
                with :? ArgumentException as e ->
                    // .NET adds the argument's name and value in its own words.
                    let sentence = e.Message.Split(" (Parameter", StringSplitOptions.None)[0]
                    Error $"{name processor}: {sentence}"

        match conflict strategy with
        | Some sentence -> Error sentence
        | None ->
            strategy.Processors
            |> List.map make
            |> all
            |> Result.map (fun stages -> {
                Stages = stages
                Pick = strategy.Pick
            })
