namespace Gpt

open System
open System.Text

/// A way of writing a text, with what can be said of it beforehand: the characters it takes on average and the entropy
/// of what it writes, in nats. Both follow from the parts when the rule is made.
type Rule = {
    /// How it writes.
    Form: Form
    /// The characters it takes on average.
    Length: float
    /// The entropy of its derivations, in nats.
    Entropy: float
}

/// How a rule writes: these characters, each part in turn, or one of several ways with these probabilities.
and [<RequireQualifiedAccess>] Form =
    /// These characters.
    | Text of string
    /// Each of these in turn.
    | Sequence of Rule list
    /// One of these, with these probabilities, which sum to 1.
    | Choice of (float * Rule) list

/// Rules that write: the texts of a small probabilistic grammar.
///
/// A rule's entropy is that of its derivations. It is that of its text as well when a text has one derivation, and the
/// rules of `Grammar` see to that: of the ways of a choice none writes what another begins with. A text that repeats such a
/// rule has the entropy rate Entropy / Length: the expected surprise of a repetition over its expected length.
[<RequireQualifiedAccess>]
module Rule =

    /// Writes these characters and nothing else.
    let text (characters: string) : Rule = {
        Form = Form.Text characters
        Length = float characters.Length
        Entropy = 0.0
    }

    /// Writes one part after the other, each without regard to the others.
    let sequence (parts: Rule list) : Rule = {
        Form = Form.Sequence parts
        Length = parts |> List.sumBy _.Length
        Entropy = parts |> List.sumBy _.Entropy
    }

    /// Writes one of several ways, each as often as its weight says. Weights are positive and need not sum to 1.
    let choice (ways: (float * Rule) list) : Rule =
        let total = List.sumBy fst ways

        if ways.IsEmpty || ways |> List.exists (fun (weight, _) -> not (weight > 0.0)) then
            invalidArg (nameof ways) "a choice needs one way at least, and a positive weight for each"

        let ways = ways |> List.map (fun (weight, way) -> weight / total, way)

        {
            Form = Form.Choice ways
            Length = ways |> List.sumBy (fun (p, way) -> p * way.Length)
            Entropy = ways |> List.sumBy (fun (p, way) -> p * (way.Entropy - log p))
        }

    /// The way that holds the number `u` of [0, 1) when the ways stand side by side, each as wide as its probability.
    let rec private pick (u: float) (ways: (float * Rule) list) : Rule =
        match ways with
        | [ _, way ] -> way
        | (p, way) :: _ when u < p -> way
        | (p, _) :: rest -> pick (u - p) rest
        | [] -> invalidArg (nameof ways) "a choice needs one way at least"

    /// Repeats a rule until there are `length` characters, and cuts there. The same seed writes the same text.
    let write (seed: uint64) (length: int) (rule: Rule) : string =
        ArgumentOutOfRangeException.ThrowIfNegative length

        if rule.Length <= 0.0 then
            invalidArg (nameof rule) "a rule that writes nothing never fills a text"

        let written = StringBuilder(length + 4096)
        let mutable rng = Rng.ofSeed seed
        let mutable pending = [ rule ]

        while written.Length < length do
            match pending with
            | [] -> pending <- [ rule ]
            | next :: later ->
                match next.Form with
                | Form.Text characters ->
                    written.Append characters |> ignore
                    pending <- later
                | Form.Sequence parts -> pending <- parts @ later
                | Form.Choice ways ->
                    let struct (u, after) = Rng.uniform rng
                    rng <- after
                    pending <- pick u ways :: later

        written.ToString(0, length)
