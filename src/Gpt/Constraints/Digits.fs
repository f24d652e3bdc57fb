namespace Gpt

/// Intervals of numbers, digit by digit. The numbers from 17 to 42 are 1 with a digit from 7 on, 2 or 3 with any digit, and 4 with
/// a digit up to 2: three sequences of digit ranges. UTF-8, \uXXXX and decimal numbers are all such digits.
[<RequireQualifiedAccess>]
module internal Digits =

    /// The sequences of digit ranges that make up the interval from `low` to `high`, two numbers with equally many digits.
    /// `full` is the range of every digit but the first.
    let rec between (full: struct (int * int)) (low: int list) (high: int list) : struct (int * int) list list =
        match low, high with
        | a :: lows, b :: highs when a = b -> between full lows highs |> List.map (fun rest -> struct (a, a) :: rest)
        | a :: lows, b :: highs ->
            let struct (least, most) = full
            let lowest = List.map (fun _ -> least) lows
            let highest = List.map (fun _ -> most) lows
            // Where a bound's other digits are at their end anyway, its first digit joins the middle.
            let first = if lows = lowest then a else a + 1
            let last = if highs = highest then b else b - 1

            [
                if first > a then
                    for rest in between full lows highest -> struct (a, a) :: rest

                if first <= last then
                    yield struct (first, last) :: List.map (fun _ -> full) lows

                if last < b then
                    for rest in between full lowest highs -> struct (b, b) :: rest
            ]
        | _ -> [ [] ]

    /// The digits of a number in a base, the most significant first, as many as `count`.
    let ofNumber (radix: int64) (count: int) (number: int64) : int list =
        List.unfold
            (fun (left, number) ->
                if left = 0 then
                    None
                else
                    Some(int (number % radix), (left - 1, number / radix)))
            (count, number)
        |> List.rev
