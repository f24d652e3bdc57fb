namespace Gpt

open System
open System.Buffers.Binary
open TorchSharp

/// What a text must be: a pattern or a schema, compiled for a vocabulary. It never changes but for what it remembers of
/// tokens that were asked for, a bit for each token of the vocabulary and each state visited, and threads may share it.
type Constraint = private { Spelling: Spelling }

/// How far a text has come under a constraint: a number, to be kept with the text.
[<Struct>]
type ConstraintState = private { Number: int }

/// Decoding under a constraint: a text that is a regular expression's or a JSON schema's, whatever the model would say. A warper
/// rules out every token that the text cannot go on with, and composes with the others in any order that puts it before those
/// that rule out by rank or mass:
///
///     let state = Constraint.start date
///     let warped = (Constraint.warp date [| state |] >> Warpers.topK 40) logits
///     let state = Constraint.advance date state token
///
/// Tokens are bytes, and a token may begin or end within a character. Whatever has been allowed can be brought to an end, with
/// tokens of this vocabulary.
[<RequireQualifiedAccess>]
module Constraint =

    /// The number of the state after an end token; -1 is what `Spelling` calls no state at all.
    let private ended = -2

    let private compile (vocabulary: Vocabulary) (endTokens: int list) (language: unit -> Language) =
        let size = Vocabulary.size vocabulary

        match endTokens |> List.tryFind (fun id -> id < 0 || id >= size) with
        | Some id -> Error $"end token {id} is outside the vocabulary; ids must be in 0 to {size - 1}"
        | None ->
            try
                let spelling = Automaton.ofLanguage (language ()) |> Spelling.create vocabulary endTokens

                if Spelling.canEnd spelling 0 then
                    Ok { Spelling = spelling }
                else
                    Error(Unspellable.explain spelling)
            with Refusal sentence ->
                Error sentence

    /// The texts that match a regular expression as a whole. `endTokens` are the ids that end a text; there may be none. See
    /// `RegexSyntax` for what patterns may hold. The error is one sentence: what in the pattern is not supported or wrong, at
    /// which position; that no text matches; that the automaton would be too large; or where the tokens of the vocabulary
    /// cannot spell what the pattern asks for.
    let regex (vocabulary: Vocabulary) (endTokens: int list) (pattern: string) : Result<Constraint, string> =
        compile vocabulary endTokens (fun () -> (RegexSyntax.read Language.characters pattern).Language)

    /// The JSON texts that are valid under a schema. See `JsonSchema` for what schemas may hold. The error is one sentence, as
    /// above, with the path of what cannot be used.
    let jsonSchema (vocabulary: Vocabulary) (endTokens: int list) (schema: string) : Result<Constraint, string> =
        compile vocabulary endTokens (fun () -> JsonSchema.read schema)

    /// The state of the empty text.
    let start (_: Constraint) : ConstraintState = { Number = 0 }

    let private requireToken (constraint_: Constraint) (token: int) =
        let size = Vocabulary.size constraint_.Spelling.Vocabulary
        Argument.require (token >= 0 && token < size) (nameof token) token $"in 0 to {size - 1}"

    /// The state that a token leads to, or -1 if it is not allowed.
    let private target (spelling: Spelling) (state: ConstraintState) (token: int) : int =
        if spelling.IsEnd[token] then
            let mayEnd = state.Number = ended || spelling.Automaton.Accepting[state.Number]
            if mayEnd then ended else -1
        elif state.Number = ended then
            -1
        else
            Spelling.step spelling state.Number token

    /// Whether a token may come next. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let allows (constraint_: Constraint) (state: ConstraintState) (token: int) : bool =
        requireToken constraint_ token
        target constraint_.Spelling state token <> -1

    /// The state after one more token. Raises ArgumentException for a token that is not allowed.
    let advance (constraint_: Constraint) (state: ConstraintState) (token: int) : ConstraintState =
        requireToken constraint_ token

        match target constraint_.Spelling state token with
        | -1 -> invalidArg (nameof token) $"Token {token} is not allowed here; the constraint rules it out."
        | number -> { Number = number }

    /// Whether the text may end here.
    let isComplete (constraint_: Constraint) (state: ConstraintState) : bool =
        state.Number = ended || constraint_.Spelling.Automaton.Accepting[state.Number]

    /// Whether the text must end here: it is complete and nothing may follow, or an end token has come.
    let isFinished (constraint_: Constraint) (state: ConstraintState) : bool =
        state.Number = ended || Spelling.isOver constraint_.Spelling state.Number

    /// Whether the text must end here when at most `left` more tokens may come: it is complete, and whatever followed could not
    /// be brought to an end. A vocabulary without end tokens has no other sign.
    let isFinishedWithin (left: int) (constraint_: Constraint) (state: ConstraintState) : bool =
        state.Number = ended || Spelling.isOverWithin constraint_.Spelling left state.Number

    /// The least number of tokens that bring the text to an end, not counting an end token: 0 for a complete text. Exact; the
    /// first call, here or in a function that is told what is left, visits every state, which takes a moment for a large
    /// vocabulary and a large automaton.
    let tokensToEnd (constraint_: Constraint) (state: ConstraintState) : int =
        if state.Number = ended then
            0
        else
            constraint_.Spelling.Distances.Value.ToEnd[state.Number]

    let private endsOnly (spelling: Spelling) : byte[] =
        let bits = Array.zeroCreate<byte>((spelling.Vocabulary.Spellings.Length + 7) / 8)
        spelling.Ends |> List.iter (fun id -> bits[id / 8] <- bits[id / 8] ||| (1uy <<< id % 8))
        bits

    /// For eight tokens, one bit each, eight bytes: 1 where the bit is not set.
    let private ruledOut =
        Array.init 256 (fun bits ->
            Seq.sum (seq { for i in 0..7 -> if bits >>> i &&& 1 = 0 then 1UL <<< 8 * i else 0UL }))

    /// Writes which tokens are ruled out, one byte each, for a row of a mask.
    let private spread (allowed: byte[]) (row: Span<byte>) =
        let eight = Span<byte>(Array.zeroCreate 8)

        for i in 0 .. allowed.Length - 1 do
            if 8 * i + 8 <= row.Length then
                BinaryPrimitives.WriteUInt64LittleEndian(row.Slice(8 * i), ruledOut[int allowed[i]])
            else
                BinaryPrimitives.WriteUInt64LittleEndian(eight, ruledOut[int allowed[i]])
                eight.Slice(0, row.Length - 8 * i).CopyTo(row.Slice(8 * i))

    let private ruleOut (constraint_: Constraint) allowed (states: ConstraintState[]) (logits: Tensor) : Tensor =
        let spelling = constraint_.Spelling
        let size = Vocabulary.size spelling.Vocabulary

        if logits.shape <> [| states.LongLength; int64 size |] then
            let shape = String.Join(", ", logits.shape)

            invalidArg
                (nameof logits)
                $"the logits are ({shape}); {states.Length} states and a vocabulary of {size} tokens need ({states.Length}, {size})"

        Tensors.scoped (fun () ->
            let mask = torch.zeros (logits.shape, Nullable torch.ScalarType.Bool, Device.cpu ())

            for row in 0 .. states.Length - 1 do
                let bits =
                    match states[row].Number with
                    | number when number = ended -> endsOnly spelling
                    | number -> allowed spelling number

                spread bits (mask.bytes.Slice(row * size, size))

            logits.masked_fill (mask.``to`` logits.device, Tensors.scalar -infinity))

    /// Rules out what may not come next in each row: logits (B, V), a state for each row. A complete text may go on or take an
    /// end token; after an end token, and where nothing may follow, only end tokens are left. A finished row of a vocabulary
    /// without end tokens has nothing left at all: its loop must have ended. Padding of V is given as tokens without bytes.
    /// Raises ArgumentException for another shape.
    let warp (constraint_: Constraint) (states: ConstraintState[]) : Tensor -> Tensor =
        ruleOut constraint_ Spelling.allowed states

    /// The same for a loop that has `left` tokens left, at least 1, this one included and an end token not: rules out as well
    /// what could not be brought to an end in time. A loop that asks for it with `left` one less each time ends with a complete
    /// text if `tokensToEnd` was at most `left` when it began; otherwise each token is one of the shortest way to an end. A
    /// row for which `isFinishedWithin left` holds has end tokens left, or nothing.
    let warpWithin (left: int) (constraint_: Constraint) (states: ConstraintState[]) : Tensor -> Tensor =
        Argument.require (left >= 1) (nameof left) left "at least 1"
        ruleOut constraint_ (fun spelling -> Spelling.allowedWithin spelling left) states
