namespace Gpt.Cli

open System

/// Ctrl-C as a question: the first one asks the work to stop where it can be kept, the second ends the program at once.
type Interruption() =
    let mutable asked = false

    let onCancel =
        ConsoleCancelEventHandler(fun _ args ->
            args.Cancel <- not asked
            asked <- true)

    do Console.CancelKeyPress.AddHandler onCancel

    /// Whether Ctrl-C has been pressed.
    member _.Asked() = asked

    interface IDisposable with
        member _.Dispose() = Console.CancelKeyPress.RemoveHandler onCancel
