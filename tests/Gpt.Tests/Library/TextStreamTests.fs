/// Text as it is shown while it comes: in pieces, up to a stop text, and asynchronously.
module Gpt.Tests.TextStreamTests

open System
open System.Collections.Generic
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private alphabet = CharTokenizer.ofText "ab-"
let private letters = Characters alphabet

/// All pieces of a text, and whether it was stopped.
let private shown (tokenizer: Tokenizer) (stops: string list) (ids: int list) : string * bool =
    let rec go (stream: TextStream) text ids =
        match ids with
        | [] -> text + TextStream.flush stream, false
        | id :: rest ->
            let struct (piece, stopped, next) = TextStream.push stream id

            if stopped then
                text + piece, true
            else
                go next (text + piece) rest

    go (TextStream.start tokenizer stops) "" ids

let private texts =
    Arb.fromGen (Gen.choose (0, 40) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (0, 2))))

let private stops =
    let stop = Gen.choose (1, 4) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.elements [ 'a'; 'b'; '-' ]))

    Gen.choose (0, 3)
    |> Gen.bind (fun n -> Gen.listOfLength n stop)
    |> Gen.map (List.map (Array.ofList >> String))
    |> Arb.fromGen

let private trained = lazy Texts.trained ()

/// Ids of the small trained byte-level vocabulary: tokens of several characters, parts of characters, special ones.
let private bytePieces =
    lazy
        (let size = Tokenizer.vocabSize trained.Value
         Gen.choose (0, 30) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (0, size - 1))))

let private byteLaws = [
    law
        1000
        "over byte-level tokens the pieces are the text, whatever the tokens"
        (Arb.fromGen bytePieces.Value)
        (fun ids ->
            let tokenizer = trained.Value
            Expect.equal (shown tokenizer [] ids) (Tokenizer.decodePlain tokenizer ids, false) "text")

    law
        1000
        "over byte-level tokens a stop text is found wherever tokens begin and end"
        (both (Arb.fromGen bytePieces.Value) (both (within 0 60) (within 1 4)))
        (fun (ids, (start, length)) ->
            let tokenizer = trained.Value
            let whole = Tokenizer.decodePlain tokenizer ids

            if start + length <= whole.Length then
                let stop = whole.Substring(start, length)
                // A character that is never finished is shown as U+FFFD at the end, when nothing more can be looked for.
                let unfinished = whole.EndsWith stop && stop.EndsWith '\uFFFD'
                let place = whole.IndexOf(stop, StringComparison.Ordinal)

                if not unfinished then
                    Expect.equal (shown tokenizer [ stop ] ids) (whole.Substring(0, place), true) $"until {stop}")
]

let private laws = [
    law 1000 "a text ends before its first stop text, and is whole without one" (both texts stops) (fun (ids, stops) ->
        let whole = Tokenizer.decode letters ids
        // What has been shown when the first stop text to be complete is complete.
        let ends (stop: string) = whole.IndexOf(stop, StringComparison.Ordinal), stop.Length

        let found =
            stops
            |> List.map ends
            |> List.filter (fun (place, _) -> place >= 0)
            |> List.sortBy (fun (place, length) -> place + length, place)

        let want =
            match found with
            | [] -> whole, false
            | (place, _) :: _ -> whole.Substring(0, place), true

        Expect.equal (shown letters stops ids) want $"{whole} until {stops}")

    law 1000 "nothing is held back longer than needed" (both texts stops) (fun (ids, stops) ->
        let longest = stops |> List.map _.Length |> List.fold max 1

        let rec go (stream: TextStream) pushed text ids =
            match ids with
            | [] -> ()
            | id :: rest ->
                let struct (piece, stopped, next) = TextStream.push stream id

                if not stopped then
                    let text = text + piece
                    Expect.isGreaterThan (text.Length + longest) pushed "all but the beginning of a stop text is shown"
                    go next (pushed + 1) text rest

        go (TextStream.start letters stops) 1 "" ids)
]

let private gathered (stream: IAsyncEnumerable<'a>) (cancellation: CancellationToken) : Task<'a list> =
    task {
        let items = List<'a>()
        let source = stream.GetAsyncEnumerator cancellation
        let mutable more = true

        try
            while more do
                let! next = source.MoveNextAsync()
                more <- next

                if next then
                    items.Add source.Current
        finally
            source.DisposeAsync().AsTask().Wait()

        return List.ofSeq items
    }

let private examples = [
    testCase "an empty stop text is refused" (fun () ->
        let message = Expect.throwsC (fun () -> TextStream.start letters [ "a"; "" ] |> ignore) _.Message
        Expect.stringContains message "stop text is empty" "sentence")

    testCase "generation stops at a stop text across tokens, and shows nothing of it" (fun () ->
        use model = denseModel config
        let tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
        let prompt = [| 1; 2; 3 |]
        let plain = Generate.tokens Sampling.greedy (Rng.ofSeed 1UL) model prompt |> Seq.take 20 |> Seq.toArray
        let text = Tokenizer.decode tokenizer plain
        let stop = text.Substring(6, 3)

        let options = {
            GenerationOptions.defaults with
                MaxNewTokens = 20
                Reader = Some(TextStream.start tokenizer [ stop ])
        }

        let completion =
            (Generate.stream options Sampling.greedy (Rng.ofSeed 1UL) model prompt |> Generate.collect)[0]

        let place = text.IndexOf(stop, StringComparison.Ordinal)
        Expect.equal completion.Text (text.Substring(0, place)) "text"
        Expect.equal completion.Finish StopText "reason"
        Expect.equal completion.Tokens plain[.. place + 2] "tokens up to the last of the stop text")

    testCase "an asynchronous stream gives the same, and ends between tokens when it is cancelled" (fun () ->
        use model = denseModel config
        let stream = Generate.tokens Sampling.greedy (Rng.ofSeed 1UL) model [| 1 |]
        let some = gathered (AsyncStream.ofSeq (Seq.take 30 stream)) CancellationToken.None
        Expect.equal some.Result (stream |> Seq.take 30 |> List.ofSeq) "tokens"
        use cancellation = new CancellationTokenSource()
        let mutable seen = 0

        let cancelling =
            stream
            |> Seq.map (fun id ->
                seen <- seen + 1

                if seen = 5 then
                    cancellation.Cancel()

                id)

        let endless = gathered (AsyncStream.ofSeq cancelling) cancellation.Token
        Expect.throwsT<AggregateException> endless.Wait "cancelled"
        Expect.isTrue endless.IsCanceled "as a cancellation"
        Expect.equal seen 5 "no token after it")
]

let tests = testList "text streams" (laws @ byteLaws @ examples)
