namespace Gpt

/// Sets of Unicode characters, as sorted ranges of code points that do not overlap. Surrogates are halves, not characters,
/// and belong to no set.
[<RequireQualifiedAccess>]
module internal CodePoints =

    /// The last code point.
    let last = 0x10FFFF

    /// The part of a set from `low` to `high`.
    let between (low: int) (high: int) (set: struct (int * int) list) : struct (int * int) list = [
        for struct (first, last) in set do
            if max first low <= min last high then
                struct (max first low, min last high)
    ]

    /// The set that these ranges make together, in whatever order they come.
    let ofRanges (ranges: struct (int * int) seq) : struct (int * int) list =
        let join merged (struct (low, high)) =
            match merged with
            | struct (first, last) :: others when low <= last + 1 -> struct (first, max last high) :: others
            | _ -> struct (low, high) :: merged

        let merged = ranges |> Seq.sort |> Seq.fold join [] |> List.rev
        between 0 0xD7FF merged @ between 0xE000 last merged

    /// One character.
    let one (character: int) : struct (int * int) list = ofRanges [ struct (character, character) ]

    /// What is in any of the sets.
    let union (sets: struct (int * int) list list) : struct (int * int) list = ofRanges (List.concat sets)

    /// Every character that is not in the set.
    let complement (set: struct (int * int) list) : struct (int * int) list =
        let starts = 0 :: [ for struct (_, high) in set -> high + 1 ]
        let stops = [ for struct (low, _) in set -> low - 1 ] @ [ last ]

        List.zip starts stops
        |> List.filter (fun (low, high) -> low <= high)
        |> List.map (fun (low, high) -> struct (low, high))
        |> ofRanges

    /// What is in the first set and not in the second.
    let except (without: struct (int * int) list) (set: struct (int * int) list) : struct (int * int) list =
        complement (union [ complement set; without ])

    /// Every character.
    let any: struct (int * int) list = complement []

    /// 0 to 9.
    let digits: struct (int * int) list = ofRanges [ struct (int '0', int '9') ]

    /// The ASCII letters and digits and the underscore.
    let word: struct (int * int) list =
        ofRanges [
            struct (int '0', int '9')
            struct (int 'A', int 'Z')
            struct (int 'a', int 'z')
            struct (int '_', int '_')
        ]

    /// Space, tab, line feed, vertical tab, form feed, carriage return.
    let space: struct (int * int) list = ofRanges [ struct (9, 13); struct (32, 32) ]
