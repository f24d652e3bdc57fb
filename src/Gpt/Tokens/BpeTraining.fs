namespace Gpt

open System
open System.Collections.Generic
open System.Text

/// What a vocabulary is trained to be.
type BpeTraining = {
    /// The number of tokens, special tokens and the 256 bytes included. Fewer come out when no pair is left to merge.
    VocabSize: int
    /// A pair that is met less often is not merged.
    MinFrequency: int
    /// Tokens for signs in the text, such as `<|endoftext|>`; they get the first ids.
    SpecialTokens: string list
}

/// Training a byte-level BPE on texts. The words of the texts are counted; as long as the vocabulary may grow, the pair of
/// neighbouring tokens that is met most often becomes a token. Of pairs met equally often the one with the smaller left id is
/// taken, then the one with the smaller right id. (Sennrich et al. 2016, algorithm 1.)
///
/// Ids, tokens and merges are those that the trainer of Hugging Face's tokenizers library gives for the same options with the
/// byte alphabet, its habits included: special tokens come first, then the bytes in the order of their characters; in the
/// texts, special tokens are words like others; in "aaa" the pair "aa" is met twice.
[<RequireQualifiedAccess>]
module BpeTraining =

    /// A vocabulary of 1,024 tokens, the last pairs met twice at least, with `<|endoftext|>`.
    let defaults: BpeTraining = {
        VocabSize = 1024
        MinFrequency = 2
        SpecialTokens = [ BpeTokenizer.EndOfText ]
    }

    /// A word of the texts and how often it stands there. Its tokens are merged in place.
    type private Word = {
        Tokens: int[]
        mutable Length: int
        Count: int
    }

    /// The different words of texts and their numbers.
    let private countWords (texts: string seq) : Dictionary<string, int> =
        let counts = Dictionary<string, int>()
        let mutable lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>()

        for text in texts do
            let mutable place = 0

            while place < text.Length do
                let stop = PreTokenizer.wordEnd (text.AsSpan()) place
                let word = text.AsSpan(place, stop - place)
                let mutable known = 0
                lookup.TryGetValue(word, &known) |> ignore
                lookup[word] <- known + 1
                place <- stop

        counts

    /// Merges a pair everywhere in a word and tells `change` by how much each pair of neighbours is met more or less often.
    let private mergeIn (word: Word) (struct (left, right)) (joined: int) (change: struct (int * int) -> int -> unit) =
        let tokens = word.Tokens
        let mutable kept = 0
        let mutable next = 0

        while next < word.Length do
            if next + 1 < word.Length && tokens[next] = left && tokens[next + 1] = right then
                if kept > 0 then
                    change (struct (tokens[kept - 1], left)) -1
                    change (struct (tokens[kept - 1], joined)) 1

                if next + 2 < word.Length then
                    change (struct (right, tokens[next + 2])) -1
                    change (struct (joined, tokens[next + 2])) 1

                tokens[kept] <- joined
                next <- next + 2
            else
                tokens[kept] <- tokens[next]
                next <- next + 1

            kept <- kept + 1

        word.Length <- kept

    /// How often each pair is met, and those that wait to be merged: words that hold the pair, in the order of (minus how often
    /// it was met when it came into the queue, left id, right id).
    type private Pairs = {
        Counts: Dictionary<struct (int * int), int>
        Queue: PriorityQueue<HashSet<int>, struct (int * int * int)>
    }

    /// Puts pairs, each with words that hold it, into the queue.
    let private enqueue (pairs: Pairs) (found: Dictionary<struct (int * int), HashSet<int>>) : unit =
        for KeyValue(struct (left, right), words) in found do
            let count = pairs.Counts[struct (left, right)]

            if count > 0 then
                pairs.Queue.Enqueue(words, struct (-count, left, right))

    /// Counts a change of a pair in a word; a pair that is new there is noted in `found`.
    let private note
        (pairs: Pairs)
        (found: Dictionary<_, HashSet<int>>)
        (words: Word[])
        word
        pair
        (change: int)
        : unit =
        pairs.Counts[pair] <- pairs.Counts.GetValueOrDefault(pair, 0) + change * words[word].Count

        if change > 0 then
            match found.TryGetValue pair with
            | true, places -> places.Add word |> ignore
            | _ -> found[pair] <- HashSet [ word ]

    let private countPairs (words: Word[]) : Pairs =
        let pairs = {
            Counts = Dictionary()
            Queue = PriorityQueue()
        }

        let found = Dictionary()

        for word in 0 .. words.Length - 1 do
            for i in 0 .. words[word].Length - 2 do
                note pairs found words word (struct (words[word].Tokens[i], words[word].Tokens[i + 1])) 1

        enqueue pairs found
        pairs

    /// The pair that is next, how often it is met, and words that hold it: the first in the queue whose count still holds. One
    /// whose count has changed goes back with the new one.
    let rec private next (pairs: Pairs) : (struct (int * int) * int * HashSet<int>) option =
        match pairs.Queue.TryDequeue() with
        | false, _, _ -> None
        | true, words, struct (minusCount, left, right) ->
            let count = pairs.Counts[struct (left, right)]

            if count = -minusCount then
                Some(struct (left, right), count, words)
            else
                pairs.Queue.Enqueue(words, struct (-count, left, right))
                next pairs

    /// The vocabulary's first tokens: the special ones, then the bytes.
    let private firstNames (training: BpeTraining) : List<string> =
        let bytes = ByteAlphabet.order |> List.map (fun value -> ByteAlphabet.write (ReadOnlySpan [| value |]))
        List(training.SpecialTokens @ bytes |> List.distinct)

    /// The tokenizer that texts teach. Raises ArgumentOutOfRangeException for a vocabulary without room for the bytes and the
    /// special tokens, a frequency below 0 and an empty special token.
    let train (training: BpeTraining) (texts: string seq) : BpeTokenizer =
        let names = firstNames training
        let known = Dictionary(names |> Seq.mapi (fun id name -> KeyValuePair(name, id)))
        Argument.require (training.VocabSize >= names.Count) "VocabSize" training.VocabSize $"at least {names.Count}"
        Argument.require (training.MinFrequency >= 0) "MinFrequency" training.MinFrequency "at least 0"
        let special = List.distinct training.SpecialTokens
        Argument.require (not (List.contains "" special)) "SpecialTokens" "[\"\"]" "texts of at least one character"
        let ofByte = Array.init 256 (fun value -> known[ByteAlphabet.write (ReadOnlySpan [| byte value |])])

        let words = [|
            for KeyValue(word, count) in countWords texts do
                let tokens = Encoding.UTF8.GetBytes word |> Array.map (fun value -> ofByte[int value])

                {
                    Tokens = tokens
                    Length = tokens.Length
                    Count = count
                }
        |]

        let pairs = countPairs words
        let merges = List<struct (int * int)>()

        let merge (struct (left, right) as pair) (places: HashSet<int>) =
            let name = names[left] + names[right]

            // Two ways of merging can lead to the same token.
            if known.TryAdd(name, names.Count) then
                names.Add name

            merges.Add pair
            let found = Dictionary()

            for word in places do
                mergeIn words[word] pair known[name] (note pairs found words word)

            enqueue pairs found

        let rec grow () =
            if names.Count < training.VocabSize then
                match next pairs with
                | Some(pair, count, places) when count >= max 1 training.MinFrequency ->
                    merge pair places
                    grow ()
                | _ -> ()

        grow ()

        let parts = {
            Vocabulary = names |> Seq.mapi (fun id name -> name, id) |> Array.ofSeq
            Pairs =
                // A pair that came up again in words where it was formed later has its last rank.
                merges
                |> Seq.rev
                |> Seq.distinct
                |> Seq.rev
                |> Seq.map (fun struct (left, right) -> struct (names[left], names[right]))
                |> Array.ofSeq
            Added =
                special
                |> List.mapi (fun id text -> {
                    Id = id
                    Text = text
                    IsSpecial = true
                })
                |> Array.ofList
            WholeWords = false
        }

        match BpeTokenizer.create parts with
        | Ok tokenizer -> tokenizer
        | Error sentence -> failwith $"the trained vocabulary is not right: {sentence}"
