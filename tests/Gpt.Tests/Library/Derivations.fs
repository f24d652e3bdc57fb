/// A reader of the texts of a rule, to prove with that a text has one derivation and to give it its probability.
module Gpt.Tests.Derivations

open System.Collections.Generic
open Gpt

/// What is still to be read: a rule and what follows it. Equal ones have the same number, and 0 is nothing.
type private Rest = { Rule: Rule; After: int }

/// A place inside a text of the grammar: characters already read of the text that `Rest` begins with.
[<Struct>]
type Place = { Rest: int; Read: int }

/// Reads texts that begin with the rules it is given.
type Reader() =
    let numbers =
        Dictionary<struct (Rule * int), int>(
            {
                new IEqualityComparer<struct (Rule * int)> with
                    member _.Equals(struct (a, i), struct (b, j)) = i = j && obj.ReferenceEquals(a, b)

                    member _.GetHashCode(struct (rule, i)) =
                        System.HashCode.Combine(LanguagePrimitives.PhysicalHash rule, i)
            }
        )

    let rests = List<Rest>([ { Rule = Rule.text ""; After = 0 } ])
    let openings = Dictionary<int, (int * float) list>()

    let number rule after =
        match numbers.TryGetValue(struct (rule, after)) with
        | true, known -> known
        | _ ->
            rests.Add { Rule = rule; After = after }
            numbers[struct (rule, after)] <- rests.Count - 1
            rests.Count - 1

    let rec opened rest =
        match openings.TryGetValue rest with
        | true, known -> known
        | _ ->
            let found =
                if rest = 0 then
                    [ 0, 1.0 ]
                else
                    let { Rule = rule; After = after } = rests[rest]

                    match rule.Form with
                    | Form.Text "" -> opened after
                    | Form.Text _ -> [ rest, 1.0 ]
                    | Form.Sequence parts -> opened (List.foldBack number parts after)
                    | Form.Choice ways -> [
                        for p, way in ways do
                            for first, q in opened (number way after) -> first, p * q
                      ]

            openings[rest] <- found
            found

    let characters rest =
        match rests[rest].Rule.Form with
        | Form.Text text -> text
        | _ -> failwith "only a text is opened"

    /// Where a rule's texts may begin, and how probable that is.
    member _.Start(rule: Rule) = [ for rest, p in opened (number rule 0) -> { Rest = rest; Read = 0 }, p ]

    /// The character that comes at a place, or none where the rule's text is over.
    member _.Next(place: Place) =
        if place.Rest = 0 then
            ValueNone
        else
            ValueSome((characters place.Rest).[place.Read])

    /// The places after that character, and how probable each is.
    member _.Step(place: Place) =
        if place.Read + 1 < (characters place.Rest).Length then
            [ { place with Read = place.Read + 1 }, 1.0 ]
        else
            [
                for rest, p in opened rests[place.Rest].After -> { Rest = rest; Read = 0 }, p
            ]

/// What two ways both begin with although one of them is over there, so that a reader could not tell which one was taken.
let confusion (reader: Reader) (first: Rule) (second: Rule) : string option =
    let seen = HashSet<struct (Place * Place)>()
    let waiting = Stack<struct (Place * Place * string)>()
    let mutable found = None

    let meet read places others =
        for place, _ in places do
            for other, _ in others do
                match reader.Next place, reader.Next other with
                | ValueSome a, ValueSome b when a <> b -> ()
                | ValueSome a, ValueSome _ when seen.Add(struct (place, other)) ->
                    waiting.Push(struct (place, other, read + string a))
                | ValueSome _, ValueSome _ -> ()
                | _ -> waiting.Push(struct (place, other, read))

    meet "" (reader.Start first) (reader.Start second)

    while found.IsNone && waiting.Count > 0 do
        let struct (place, other, read) = waiting.Pop()

        if (reader.Next place).IsNone || (reader.Next other).IsNone then
            found <- Some read
        else
            meet read (reader.Step place) (reader.Step other)

    found

/// Every rule that a rule is made of, each once.
let parts (rule: Rule) : Rule list =
    let seen = HashSet<Rule>(HashIdentity.Reference)

    let rec visit rule =
        if seen.Add rule then
            match rule.Form with
            | Form.Text _ -> ()
            | Form.Sequence parts -> List.iter visit parts
            | Form.Choice ways -> ways |> List.iter (snd >> visit)

    visit rule
    List.ofSeq seen

/// A text as the repetitions of a rule that it holds in full: how long each is and how surprising, in nats. A probability
/// sums all derivations there are. Fails on a text that the rule does not write.
let repetitions (rule: Rule) (text: string) : (int * float) list =
    let reader = Reader()
    let results = List<int * float>()
    let mutable places = reader.Start rule
    let mutable start = 0

    for i in 0 .. text.Length - 1 do
        let reached = Dictionary<Place, float>()

        for place, p in places do
            if reader.Next place = ValueSome text[i] then
                for next, q in reader.Step place do
                    reached[next] <- p * q + (if reached.ContainsKey next then reached[next] else 0.0)

        if reached.Count = 0 then
            failwith $"no derivation at character {i}, after {text[max 0 (i - 40) .. i]}"

        match reached.TryGetValue { Rest = 0; Read = 0 } with
        | true, p ->
            results.Add(i + 1 - start, -log p)
            start <- i + 1
            places <- reader.Start rule
        | _ -> places <- [ for KeyValue(place, p) in reached -> place, p ]

    List.ofSeq results
