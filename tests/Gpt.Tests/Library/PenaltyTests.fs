/// Penalties against naive definitions.
module Gpt.Tests.PenaltyTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

/// Whether a list ends with another.
let private endsWith (ending: int list) (text: int list) =
    ending.Length <= text.Length && List.skip (text.Length - ending.Length) text = ending

/// How many tokens stand after the last place where one of the breakers ends.
let private naiveLimit (breakers: int list list) (text: int list) =
    seq { text.Length .. -1 .. 1 }
    |> Seq.tryFind (fun length -> breakers |> List.exists (fun breaker -> endsWith breaker (List.take length text)))
    |> Option.fold (fun _ length -> text.Length - length) text.Length

/// DRY by its definition: every place where the token stands, every length of what stands before it there.
let private naiveDry (options: Dry) (text: int list) (token: int) : float =
    let text = text |> List.skip (max 0 (text.Length - defaultArg options.LastN text.Length))
    let limit = naiveLimit options.Breakers text

    let lengths = [
        for place in 1 .. text.Length - 1 do
            if text[place] = token then
                for length in 1..place do
                    if endsWith text[place - length .. place - 1] text then
                        min length limit
    ]

    match lengths |> List.filter (fun length -> length >= options.AllowedLength) with
    | [] -> 0.0
    | _ when List.contains [ token ] options.Breakers -> 0.0
    | long -> options.Multiplier * options.Base ** float (List.max long - options.AllowedLength)

let private dryOptions =
    gen {
        let! allowed = Gen.choose (1, 4)
        let! lastN = Gen.elements [ None; Some 0; Some 7; Some 20 ]
        let! breakers = Gen.elements [ []; [ [ 3 ] ]; [ [ 1; 2 ] ]; [ [ 3 ]; [ 0; 0; 1 ] ] ]
        let! power = Gen.elements [ 1.0; 1.25; 1.75 ]

        return {
            Multiplier = 0.8
            Base = power
            AllowedLength = allowed
            Breakers = breakers
            LastN = lastN
        }
    }
    |> Arb.fromGen

let private repetitive =
    Arb.fromGen (Gen.oneof [ (tokens 2 0 40).Generator; (tokens 4 0 40).Generator ])

let private dryTests = [
    law 1000 "DRY agrees with its definition" (Arb.zip (repetitive, dryOptions)) (fun (text, options) ->
        let warped = floatsOf (Penalties.dry options (historyOf [ text ]) (one (Array.zeroCreate 4)))

        for token in 0..3 do
            let owed = naiveDry options text token
            Expect.isLessThanOrEqual (abs (float warped[token] + owed)) (1e-6 * owed) $"token {token}: {owed}")

    testCase "DRY of the text of llama.cpp's example" (fun () ->
        // a b c c b c y a b c: after `a b c` came c, after `c` b, after `b c` y.
        let text = [ 0; 1; 2; 2; 1; 2; 3; 0; 1; 2 ]

        let options = {
            Dry.defaults with
                Multiplier = 1.0
                Base = 2.0
                AllowedLength = 1
        }

        let warped = Penalties.dry options (historyOf [ text ]) (one (Array.zeroCreate 5))
        Expect.equal (floatsOf warped) [| 0f; -1f; -4f; -2f; 0f |] "penalties")

    testCase "a repeat however long rules nothing out by an overflow" (fun () ->
        let text = List.replicate 5000 1

        let warped =
            Penalties.dry
                {
                    Dry.defaults with
                        Base = 10.0
                        Multiplier = 50.0
                }
                (historyOf [ text ])
                (one [| 0f; 1f |])

        Expect.isTrue (Array.forall Single.IsFinite (floatsOf warped)) "finite"
        Expect.equal (Choose.greedy warped |> Gpt.Tensors.toIds) [| 0L |] "the other token")

    testCase "DRY needs no managed memory that grows with the text" (fun () ->
        let input = one (Array.zeroCreate 16)

        let bytes length =
            let history: History = [| ReadOnlyMemory(Array.init length (fun i -> i % 7)) |]
            let step () = Penalties.dry Dry.defaults history input |> dispose

            for _ in 1..50 do
                step ()

            let before = GC.GetAllocatedBytesForCurrentThread()

            for _ in 1..20 do
                step ()

            GC.GetAllocatedBytesForCurrentThread() - before

        let few, many = bytes 100, bytes 20_000
        Expect.isLessThan (abs (many - few)) 4_000L $"{few} and {many} bytes")
]

let private unseenTests = [
    law
        1000
        "penalties leave unseen tokens alone, and lower those that were seen"
        (Arb.zip (logits, seeds))
        (fun (values, seed) ->
            let random = Random seed
            let text = List.init 10 (fun _ -> random.Next values.Length)
            let history = historyOf [ text ]
            let seen = Set text

            for warp in
                [
                    Penalties.repetition 1.3 history
                    Penalties.presenceAndFrequency 0.5 0.25 history
                    Penalties.dry { Dry.defaults with AllowedLength = 1 } history
                    Penalties.noRepeatNgram 2 history
                ] do
                let after = floatsOf (warp (one values))

                for i in 0 .. values.Length - 1 do
                    if seen.Contains i then
                        Expect.isLessThanOrEqual after[i] values[i] "a seen token"
                    else
                        Expect.equal after[i] values[i] "an unseen token")

    law 1000 "repetition and presence are what they say" (Arb.zip (logits, tokens 4 0 12)) (fun (values, text) ->
        let text = text |> List.map (fun id -> id % values.Length)
        let times i = text |> List.filter ((=) i) |> List.length
        let history = historyOf [ text ]
        let repeated = floatsOf (Penalties.repetition 1.5 history (one values))
        let present = floatsOf (Penalties.presenceAndFrequency 0.5 0.25 history (one values))

        for i in 0 .. min 12 values.Length - 1 do
            let x = values[i]
            let punished = if x > 0f then x / 1.5f else x * 1.5f
            Expect.equal repeated[i] (if times i > 0 then punished else x) "repetition"
            let owed = if times i > 0 then 0.5f + 0.25f * float32 (times i) else 0f
            Expect.equal present[i] (x - owed) "presence and frequency")

    law
        1000
        "no n-gram comes twice, and nothing else is ruled out"
        (Arb.zip (tokens 4 1 30, Arb.fromGen (Gen.choose (1, 4))))
        (fun (text, size) ->
            let history = historyOf [ text ]
            let kept = Set(support (Penalties.noRepeatNgram size history (one (Array.zeroCreate 4))))
            let seen = text |> List.windowed size |> Set

            for id in 0..3 do
                let next = text @ [ id ] |> List.skip (max 0 (text.Length + 1 - size))

                Expect.equal
                    (kept.Contains id)
                    (not (next.Length = size && seen.Contains next))
                    $"token {id} after {text}")

    law
        1000
        "a window is the end of a text"
        (Arb.zip (tokens 9 0 20, Arb.fromGen (Gen.choose (0, 30))))
        (fun (text, n) ->
            let history = historyOf [ text; List.rev text ]
            let ends = Penalties.last n history |> Array.map (fun row -> List.ofArray (row.ToArray()))
            let cut = List.skip (max 0 (text.Length - n))
            Expect.equal ends [| cut text; cut (List.rev text) |] "last tokens")

    testCase "presence counts once, frequency each time" (fun () ->
        let warped =
            Penalties.presenceAndFrequency 1.0 0.5 (historyOf [ [ 0; 2; 2; 2 ] ]) (one [| 0f; 0f; 0f |])

        Expect.equal (valuesOf warped) [ -1.5f; 0f; -2.5f ] "logits")

    testCase "a history that does not fit the logits is refused" (fun () ->
        let warp history = Penalties.repetition 1.2 (historyOf history) (one [| 0f; 1f |]) |> ignore
        Expect.throwsT<ArgumentException> (fun () -> warp [ [ 0 ]; [ 1 ] ]) "rows"
        Expect.throwsT<ArgumentException> (fun () -> warp [ [ 0; 2 ] ]) "an id"
        Expect.throwsT<ArgumentException> (fun () -> warp [ [ -1 ] ]) "a negative id")
]

let tests = testList "penalties" (dryTests @ unseenTests)
