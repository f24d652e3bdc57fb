namespace Gpt.Cli

open System
open Spectre.Console
open Spectre.Console.Rendering
open Gpt

/// One row of the loss table: the article's, with steps for epochs.
type LossRow = {
    Step: int
    Training: float
    Validation: float
}

/// Where a training run stands.
type Status = {
    Step: int
    Steps: int
    /// The mean training loss since the last report.
    Loss: float
    Rate: float
    TokensPerSecond: float
    Left: TimeSpan
    /// All evaluations so far, the newest last.
    Rows: LossRow list
    /// Everything so far, to be drawn.
    Curve: LossCurve
}

/// What a person sees while a command works. Progress goes to standard error, so that answers stay alone on standard output.
[<RequireQualifiedAccess>]
module Screen =

    let private error = lazy AnsiConsole.Create(AnsiConsoleSettings(Out = AnsiConsoleOutput Console.Error))

    /// Whether somebody watches: standard error is a terminal.
    let isWatched () = not Console.IsErrorRedirected

    /// A plain line on standard error.
    let note (line: string) = Console.Error.WriteLine line

    /// Runs work that must not write to standard output: TorchSharp writes a page there when a native library cannot be loaded.
    let silently (work: unit -> 'a) : 'a =
        let out = Console.Out
        Console.SetOut IO.TextWriter.Null

        try
            work ()
        finally
            Console.SetOut out

    let private clock (time: TimeSpan) =
        if time.TotalHours >= 1.0 then
            time.ToString @"h\:mm\:ss"
        else
            time.ToString @"m\:ss"

    let private facts (status: Status) = [
        $"step {status.Step}/{status.Steps}"
        $"loss %.4f{status.Loss}"
        match List.tryLast status.Rows with
        | Some row -> $"val %.4f{row.Validation}"
        | None -> ()
        "rate " + status.Rate.ToString "0.00e-0"
        $"{status.TokensPerSecond:N0} tokens/s"
        $"{clock status.Left} left"
    ]

    let private tableHead = sprintf "%-8s %-12s %s" "Step" "Train Loss" "Val Loss"
    let private tableRow (row: LossRow) = $"%-8d{row.Step} %-12.4f{row.Training} %.4f{row.Validation}"

    /// The loss table as lines of text.
    let lossTable (rows: LossRow list) : string =
        tableHead :: String('-', 31) :: List.map tableRow rows |> String.concat "\n"

    /// How many characters a line of the answer has room for: the terminal's, or 80 in a pipe.
    let width () : int =
        if Console.IsOutputRedirected then
            80
        else
            max 40 Console.WindowWidth

    /// Runs `work`, which shows its status through the function it is given: redrawn in place on a terminal by `draw`, which is
    /// told the width and the height there, a line each time in a pipe.
    let follow (draw: int -> int -> Status -> IRenderable) (work: (Status -> unit) -> 'a) : 'a =
        if isWatched () then
            let show (context: LiveDisplayContext) (status: Status) =
                let profile = error.Value.Profile
                let all = facts status
                // The curve's reader can do without the rate.
                let fewer = all |> List.filter (fun fact -> not (fact.StartsWith "rate"))
                let lines = [ String.concat "   " all; String.concat "  " all; String.concat "  " fewer ]
                // One line, or the drawing above it would not fit.
                let fitting = lines |> List.tryFind (fun line -> line.Length < profile.Width)
                let line = fitting |> Option.defaultValue (Svg.cut (profile.Width - 1) (List.last lines))
                context.UpdateTarget(Rows [ draw profile.Width profile.Height status; Text line ])

            error.Value
                .Live(Text "evaluating the untrained model …")
                .AutoClear(true)
                .Start(fun context -> work (show context))
        else
            work (facts >> String.concat "  " >> note)

    /// Writes a drawing to standard output.
    let draw (drawing: IRenderable) : unit = AnsiConsole.Write drawing
