namespace Gpt

open System.Collections.Generic
open System.Threading
open System.Threading.Tasks

/// Sequences whose items take long to make, without a thread of the caller's waiting for them.
[<RequireQualifiedAccess>]
module AsyncStream =

    /// The items of a sequence, each made on the thread pool when it is asked for. The cancellation token that the caller
    /// enumerates with is looked at before each item; OperationCanceledException ends the stream then, and what it
    /// held is freed. Each enumeration enumerates the sequence anew.
    let ofSeq (items: 'a seq) : IAsyncEnumerable<'a> = {
        new IAsyncEnumerable<'a> with
            member _.GetAsyncEnumerator(cancellation: CancellationToken) =
                let source = items.GetEnumerator()

                {
                    new IAsyncEnumerator<'a> with
                        member _.Current = source.Current
                        member _.MoveNextAsync() = ValueTask<bool>(Task.Run<bool>(source.MoveNext, cancellation))

                        member _.DisposeAsync() =
                            source.Dispose()
                            ValueTask()
                }
    }
