/// Constraints from patterns: what they accept, which tokens they allow, and what a loop under them writes.
module Gpt.Tests.ConstraintTests

open System
open System.Collections.Generic
open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Patterns
open Gpt.Tests.Small

let private seeds = within 0 1_000_000

/// The constraint of a pattern, unless the vocabulary cannot spell it.
let private tryCompile (words: Words) tree =
    match Constraint.regex words.Vocabulary words.Ends (write tree) with
    | Ok constraint_ -> Some constraint_
    | Error sentence ->
        Expect.stringContains sentence "the vocabulary cannot spell it" (write tree)
        None

let private agreesWithNet =
    law 3000 "accepts what .NET's Regex matches as a whole, and nothing else" (both patterns seeds) (fun (tree, seed) ->
        let random, pattern = Random seed, write tree
        let constraint_, net = onBytes pattern, regex pattern
        let sampled = sample random tree

        for text in
            [
                ""
                anyText random
                sampled
                spoil random sampled
                spoil random (spoil random sampled)
            ] do
            if suitsNet text then
                Expect.equal (accepts constraint_ text) (net.IsMatch text) $"%A{text} for {pattern}")

let private walksMatch (name: string) (words: Words) =
    law 1000 $"random walks over {name} end in texts that match" (both patterns seeds) (fun (tree, seed) ->
        let random = Random seed

        match tryCompile words tree with
        | None -> ()
        | Some constraint_ ->
            let tokens = walk words (random.Next 12) (fun ids -> ids[random.Next ids.Length]) constraint_
            let text = spell words tokens
            Expect.isTrue (accepts (onBytes (write tree)) text) $"%A{text} for {write tree}"

            if suitsNet text then
                Expect.isTrue ((regex (write tree)).IsMatch text) $"%A{text} for {write tree} in .NET")

/// From each state that bytes can reach, the states that one token leads to.
let private tokenSteps (words: Words) (onBytes: Constraint) =
    let found = Dictionary<ConstraintState, (int * ConstraintState) list>()

    let rec visit state =
        if not (found.ContainsKey state) then
            found[state] <- [
                for id in 0 .. words.Bytes.Length - 1 do
                    if words.Bytes[id].Length > 0 && not (List.contains id words.Ends) then
                        match follow onBytes words.Bytes[id] state with
                        | ValueSome next -> id, next
                        | ValueNone -> ()
            ]

            found[state] |> List.iter (snd >> visit)

    visit (Constraint.start onBytes)
    found

/// The least number of tokens to an end, by relaxing until nothing changes.
let private distances (onBytes: Constraint) (steps: Dictionary<ConstraintState, (int * ConstraintState) list>) =
    let far = 1_000_000
    let toEnd = Dictionary<ConstraintState, int>()

    for state in steps.Keys do
        toEnd[state] <- if Constraint.isComplete onBytes state then 0 else far

    let mutable changed = true

    while changed do
        changed <- false

        for state in List<ConstraintState> steps.Keys do
            let best = steps[state] |> List.map (fun (_, next) -> toEnd[next] + 1) |> List.fold min toEnd[state]

            if best < toEnd[state] then
                toEnd[state] <- best
                changed <- true

    toEnd

let private masksAreNaive (name: string) (words: Words) count =
    law
        count
        $"masks and distances over {name} are those of a search token by token"
        (both patterns seeds)
        (fun (tree, seed) ->
            let random, onBytes = Random seed, onBytes (write tree)
            let steps = tokenSteps words onBytes
            let toEnd = distances onBytes steps
            let canEnd state = toEnd[state] < 1_000_000

            match tryCompile words tree with
            | None -> Expect.isFalse (canEnd (Constraint.start onBytes)) $"{write tree} can be spelt"
            | Some constraint_ ->
                // The two constraints differ in vocabulary only: they go side by side.
                let rec compare left state shadow depth =
                    let isComplete = Constraint.isComplete onBytes shadow
                    let ends = if isComplete then words.Ends else []

                    let within least =
                        steps[shadow] |> List.filter (snd >> least) |> List.map fst |> List.append ends |> List.sort

                    let plain = within canEnd
                    let cutoff = (if isComplete then left else max left toEnd[shadow]) - 1
                    let inTime = within (fun next -> toEnd[next] <= cutoff)
                    Expect.equal (allowed words (Constraint.warp constraint_ [| state |])) plain "mask"

                    Expect.equal
                        (allowed words (Constraint.warpWithin left constraint_ [| state |]))
                        inTime
                        "mask in time"

                    Expect.equal (Constraint.tokensToEnd constraint_ state) toEnd[shadow] "tokens to the end"
                    Expect.equal (Constraint.isComplete constraint_ state) isComplete "complete"

                    Expect.equal
                        (Constraint.isFinished constraint_ state)
                        (isComplete && plain.Length = ends.Length)
                        "finished"

                    Expect.equal
                        (Constraint.isFinishedWithin left constraint_ state)
                        (isComplete && inTime.Length = ends.Length)
                        "finished in time"

                    for id in 0 .. words.Bytes.Length - 1 do
                        Expect.equal (Constraint.allows constraint_ state id) (List.contains id plain) $"token {id}"

                    let going = steps[shadow] |> List.filter (snd >> canEnd)

                    if depth > 0 && not going.IsEmpty then
                        let id, next = going[random.Next going.Length]
                        compare (random.Next(1, 6)) (Constraint.advance constraint_ state id) next (depth - 1)

                compare 2 (Constraint.start constraint_) (Constraint.start onBytes) 4)

let private composes =
    law
        1000
        "the best of random logits after the constraint, temperature and top-k is allowed, and the text matches"
        (both patterns seeds)
        (fun (tree, seed) ->
            let random, words = Random seed, pieces
            let constraint_ = Constraint.regex words.Vocabulary words.Ends (write tree) |> get

            let rec from taken state left =
                if left > 0 && not (Constraint.isFinished constraint_ state) then
                    let logits = uniform -5.0 5.0 words.Bytes.Length (random.Next())
                    let logits = Gpt.Tensors.ofFloats (Device.cpu ()) [ 1L; logits.LongLength ] logits

                    let warped =
                        (Warpers.temperature 0.7
                         >> Constraint.warpWithin left constraint_ [| state |]
                         >> Warpers.topK 5
                         >> Warpers.topP 0.9)
                            logits

                    let struct (drawn, _) = Choose.sample (Rng.ofSeed (uint64 seed)) warped
                    let id = int (Array.head (Gpt.Tensors.toIds drawn))
                    from (id :: taken) (Constraint.advance constraint_ state id) (left - 1)
                else
                    struct (List.rev taken, state)

            let limit = Constraint.tokensToEnd constraint_ (Constraint.start constraint_) + random.Next 8
            let struct (tokens, state) = from [] (Constraint.start constraint_) limit
            Expect.isTrue (Constraint.isComplete constraint_ state) "complete in time"
            Expect.isTrue (accepts (onBytes (write tree)) (spell words tokens)) "the text matches")

let private rows =
    testCase "each row of a batch has a state of its own, and the input stays" (fun () ->
        let words = characters
        let constraint_ = Constraint.regex words.Vocabulary [] "ab*c" |> get
        let start = Constraint.start constraint_
        let id (c: char) = Array.findIndex ((=) [| byte c |]) words.Bytes
        let after = Constraint.advance constraint_ start (id 'a')
        let finished = Constraint.advance constraint_ after (id 'c')
        let size = words.Bytes.Length
        let logits = Gpt.Tensors.ofFloats (Device.cpu ()) [ 3L; int64 size ] (uniform -1.0 1.0 (3 * size) 3)
        let before = Gpt.Tensors.toFloats logits
        // The first call's scope ends before the second: what is remembered must not be freed with it.
        Gpt.Tensors.freeing (fun () -> Constraint.warp constraint_ [| start; after; finished |] logits |> ignore)
        let warped = Gpt.Tensors.toFloats (Constraint.warp constraint_ [| start; after; finished |] logits)

        let kept = [
            for i in 0 .. 3 * size - 1 do
                if warped[i] > Single.NegativeInfinity then
                    i, warped[i]
        ]

        let expected = [ id 'a'; size + id 'b'; size + id 'c' ] |> List.sort
        Expect.equal kept [ for i in expected -> i, before[i] ] "what is kept, with its logits"
        Expect.equal (Gpt.Tensors.toFloats logits) before "input")

let private ends =
    testCase "an end token comes after a complete text only, and nothing but end tokens after it" (fun () ->
        let words = pieces
        let end_ = words.Ends.Head
        let constraint_ = Constraint.regex words.Vocabulary words.Ends "a+" |> get
        let start = Constraint.start constraint_
        Expect.isFalse (Constraint.allows constraint_ start end_) "at the start"
        Expect.throwsT<ArgumentException> (fun () -> Constraint.advance constraint_ start end_ |> ignore) "advance"
        let complete = Constraint.advance constraint_ start (int 'a')
        Expect.isTrue (Constraint.isComplete constraint_ complete) "complete"
        Expect.isFalse (Constraint.isFinished constraint_ complete) "more may follow"
        let ended = Constraint.advance constraint_ complete end_
        Expect.isTrue (Constraint.isComplete constraint_ ended && Constraint.isFinished constraint_ ended) "ended"
        Expect.equal (allowed words (Constraint.warp constraint_ [| ended |])) [ end_ ] "after the end"
        Expect.equal (Constraint.tokensToEnd constraint_ ended) 0 "tokens to the end"
        Expect.throwsT<ArgumentException> (fun () -> Constraint.advance constraint_ ended (int 'a') |> ignore) "beyond")

let private threads =
    testCase "threads may share a constraint" (fun () ->
        let words = pieces
        let compiled () = Constraint.regex words.Vocabulary words.Ends "(?:[a-z]{1,3} ?){1,20}\\.?|.{10,20}" |> get

        let written constraint_ seed =
            walk words 12 (let random = Random(seed: int) in fun ids -> ids[random.Next ids.Length]) constraint_

        let alone = [| for seed in 0..39 -> written (compiled ()) seed |]
        let shared = compiled ()
        let together = Array.zeroCreate 40
        Parallel.For(0, 40, (fun seed -> together[seed] <- written shared seed)) |> ignore
        Expect.equal together alone "texts")

let private wrongCalls =
    testList "wrong calls are refused" [
        testCase "logits of another shape" (fun () ->
            let constraint_ = onBytes "a"
            let logits = Gpt.Tensors.zeros (Device.cpu ()) [ 2L; 256L ]

            let message =
                Expect.throwsC
                    (fun () -> Constraint.warp constraint_ [| Constraint.start constraint_ |] logits |> ignore)
                    _.Message

            Expect.stringContains message "the logits are (2, 256); 1 states and a vocabulary of 256" "shapes")

        testCase "an end token, a token, a limit out of range" (fun () ->
            Expect.equal
                (Constraint.regex bytes [ 256 ] "a" |> error)
                "end token 256 is outside the vocabulary; ids must be in 0 to 255"
                "end token"

            let constraint_ = onBytes "a"
            let start = Constraint.start constraint_

            let refused (name: string) act =
                let message = Expect.throwsC act (fun (e: exn) -> e.Message)
                Expect.stringContains message $"{name} is" name

            refused "token" (fun () -> Constraint.advance constraint_ start 256 |> ignore)
            refused "token" (fun () -> Constraint.allows constraint_ start -1 |> ignore)
            refused "left" (fun () -> Constraint.warpWithin 0 constraint_ [| start |] |> ignore))
    ]

let tests =
    testList "constraints" [
        agreesWithNet
        walksMatch "characters" characters
        walksMatch "pieces of text cut anywhere" pieces
        walksMatch "a few tokens" scraps
        masksAreNaive "characters" characters 500
        masksAreNaive "pieces of text cut anywhere" pieces 200
        masksAreNaive "a few tokens" scraps 1000
        composes
        rows
        ends
        threads
        wrongCalls
    ]
