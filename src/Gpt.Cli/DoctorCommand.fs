namespace Gpt.Cli

open System.CommandLine
open Gpt

/// `gpt doctor`: whether this machine has what training and generating need.
[<RequireQualifiedAccess>]
module DoctorCommand =

    let private device =
        Options.withDefault "--device" "what must work: auto (what there is), cpu, cuda or cuda:N" "auto"

    let private json = Options.json ()

    let private word (finding: Finding) =
        match finding with
        | Fine -> "ok"
        | Absent -> "absent"
        | Missing -> "missing"

    let private print (checks: Check list) : unit =
        for check in checks do
            printfn "%-8s %-15s %s" (word check.Finding) check.Name check.Says

        match checks |> List.filter (fun check -> check.Finding = Missing) with
        | [] -> printfn "\nNothing that is needed is missing."
        | missing ->
            let names = missing |> List.map _.Name |> String.concat ", "
            printfn "\nMissing: %s." names

    let private printJson (isWell: bool) (checks: Check list) : unit =
        let check (check: Check) =
            Json.object [
                "name", Json.text check.Name
                "state", Json.text (word check.Finding)
                "says", Json.text check.Says
            ]

        Json.print (
            Json.object [
                "ok", Json.truth isWell
                "engine", Json.text Device.engine
                "checks", Json.list check checks
            ]
        )

    /// A device that is no device is a wrong argument; one that is not there is what the doctor is asked about.
    let private wanted (parsed: ParseResult) : Result<string, Problem> =
        let text = parsed.GetRequiredValue device

        // No device is looked at yet: whether there can be one is what is to be found out.
        if List.contains (text.Split(':')[0]) [ "auto"; "cpu"; "cuda" ] then
            Ok text
        else
            Options.deviceOf parsed device |> Result.map (fun _ -> text)

    let private run (parsed: ParseResult) : Result<int, Problem> =
        wanted parsed
        |> Result.map (fun wanted ->
            let checks = Doctor.examine wanted
            let isWell = checks |> List.forall (fun check -> check.Finding <> Missing)

            if parsed.GetRequiredValue json then
                printJson isWell checks
            else
                print checks

            if isWell then Problem.codes.Done else Problem.codes.Failed)

    /// The command, for `Program`.
    let create () : Command =
        Options.command "doctor" "Check this machine and say what is missing." [ device; json ] run
