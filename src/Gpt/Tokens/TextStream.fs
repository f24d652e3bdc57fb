namespace Gpt

open System

/// The text of tokens as they come, as it may be shown: whole characters, no special tokens, and nothing of a stop text, not
/// even its beginning. A stop text is looked for in the text, not in the tokens, so it may begin and end inside of
/// tokens. A value: the same state can be pushed to twice.
[<NoComparison; NoEquality>]
type TextStream = private {
    Tokenizer: Tokenizer
    Decoder: StreamDecoder
    Stops: string list
    /// Text that may be the beginning of a stop text.
    Held: string
}

[<RequireQualifiedAccess>]
module TextStream =

    /// Before the first token. Raises ArgumentException for a stop text that is empty.
    let start (tokenizer: Tokenizer) (stops: string list) : TextStream =
        if List.contains "" stops then
            invalidArg (nameof stops) "A stop text is empty; it must hold at least one character."

        {
            Tokenizer = tokenizer
            Decoder = StreamDecoder.start tokenizer
            Stops = stops
            Held = ""
        }

    /// Where the first of the stop texts begins, if one is there.
    let private firstStop (stops: string list) (text: string) : int option =
        match stops |> List.map (fun stop -> text.IndexOf(stop, StringComparison.Ordinal)) |> List.filter ((<=) 0) with
        | [] -> None
        | places -> Some(List.min places)

    /// How many of the last characters could be the beginning of a stop text.
    let private undecided (stops: string list) (text: string) : int =
        let couldBegin count =
            let tail = text.AsSpan(text.Length - count)
            let mutable could = false

            for stop in stops do
                could <- could || (stop.Length > count && stop.AsSpan(0, count).SequenceEqual tail)

            could

        let longest = stops |> List.map _.Length |> List.fold max 1
        seq { min (longest - 1) text.Length .. -1 .. 1 } |> Seq.tryFind couldBegin |> Option.defaultValue 0

    /// The text that can be shown now that a token has come, whether a stop text is complete (the text ends before it),
    /// and the state after it. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let push (stream: TextStream) (token: int) : struct (string * bool * TextStream) =
        let struct (piece, decoder) =
            if Tokenizer.isSpecial stream.Tokenizer token then
                struct ("", stream.Decoder)
            else
                StreamDecoder.push stream.Decoder token

        let text = stream.Held + piece

        match firstStop stream.Stops text with
        | Some place ->
            struct (text.Substring(0, place),
                    true,
                    {
                        stream with
                            Decoder = decoder
                            Held = ""
                    })
        | None ->
            let shown = text.Length - undecided stream.Stops text

            struct (text.Substring(0, shown),
                    false,
                    {
                        stream with
                            Decoder = decoder
                            Held = text.Substring shown
                    })

    /// What was held back, when no more tokens come: it was no stop text after all.
    let flush (stream: TextStream) : string = stream.Held + StreamDecoder.flush stream.Decoder
