using Microsoft.FSharp.Core;

namespace Gpt.Api;

/// <summary>The library's way to the Hub, with a caller's progress and cancellation.</summary>
internal static class HubAccess
{
    /// <summary>
    /// The settings of this process's environment. Cancellation is looked at whenever bytes come, and ends every wait.
    /// </summary>
    internal static Core.HubSettings Settings(IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var own = Core.Hub.settings(FSharp.Environment);
        return new(
            own.Endpoint,
            own.Cache,
            own.Token,
            own.Offline,
            own.Retries,
            own.Patience,
            FuncConvert.FromAction<TimeSpan>(time => Wait(time, cancellationToken)),
            FuncConvert.FromAction<Core.HubEvent>(happened =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(Told(happened));
            }),
            own.Handler);
    }

    private static void Wait(TimeSpan time, CancellationToken cancellationToken)
    {
        if (cancellationToken.WaitHandle.WaitOne(time))
            throw new OperationCanceledException(cancellationToken);
    }

    private static DownloadProgress Told(Core.HubEvent happened) => happened switch
    {
        Core.HubEvent.Receiving bytes => new(bytes.file, bytes.received, FSharp.Nullable(bytes.size), null),
        Core.HubEvent.Waiting pause => new("", 0, null, pause.reason),
        Core.HubEvent.Sharing other => new(other.file, 0, null, "another process is downloading the same file"),
        _ => throw new InvalidOperationException("An event of the Hub is not known here."),
    };
}
