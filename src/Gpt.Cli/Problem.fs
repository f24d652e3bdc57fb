namespace Gpt.Cli

/// Why a command ended without doing its work: one sentence for standard error, and the exit code that goes with it.
type Problem =
    /// The arguments were wrong: exit code 2.
    | Usage of string
    /// Everything else: exit code 1.
    | Failed of string

[<RequireQualifiedAccess>]
module Problem =

    /// Exit codes: done, failed, wrong arguments, interrupted.
    let codes = {|
        Done = 0
        Failed = 1
        Usage = 2
        Interrupted = 130
    |}

    let usage (result: Result<'a, string>) : Result<'a, Problem> = Result.mapError Usage result

    let failed (result: Result<'a, string>) : Result<'a, Problem> = Result.mapError Failed result

[<RequireQualifiedAccess>]
module Result =

    /// All values, or the first error.
    let all (results: Result<'a, 'e> list) : Result<'a list, 'e> =
        (results, Ok [])
        ||> List.foldBack (fun result rest ->
            Result.bind (fun value -> Result.map (fun values -> value :: values) rest) result)

/// `result { … }`: steps that stop at the first error.
type ResultBuilder() =
    member _.Bind(result, next) = Result.bind next result
    member _.Return value = Ok value
    member _.ReturnFrom(result: Result<'a, Problem>) = result
    member _.Zero() : Result<unit, Problem> = Ok()
    member _.Using(resource, body) = using resource body
    member _.Delay(body: unit -> Result<'a, Problem>) = body
    member _.Run(body: unit -> Result<'a, Problem>) = body ()
    member _.Combine(first: Result<unit, Problem>, rest: unit -> Result<'a, Problem>) = Result.bind rest first

[<AutoOpen>]
module ResultBuilder =
    let result = ResultBuilder()
