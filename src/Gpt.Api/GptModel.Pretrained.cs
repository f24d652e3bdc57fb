namespace Gpt.Api;

// Models by name.
public sealed partial class GptModel
{
    /// <summary>
    /// Loads a model by name: a folder, as <see cref="Load"/> does, or else a repository of the Hugging Face Hub such as
    /// <c>openai-community/gpt2</c>, downloaded into the cache that Python's huggingface_hub keeps if it is not there yet.
    /// <c>HF_HOME</c>, <c>HF_HUB_CACHE</c>, <c>HF_ENDPOINT</c>, <c>HF_TOKEN</c> and <c>HF_HUB_OFFLINE</c> mean what they mean there.
    /// </summary>
    /// <param name="nameOrFolder">A folder, or <c>OWNER/NAME</c>, or <c>gpt2</c> and the like.</param>
    /// <param name="revision">A branch, tag or commit of the repository. Default <c>main</c>.</param>
    /// <param name="device">Where to compute; see <see cref="Load"/>.</param>
    /// <param name="progress">Is told how far the download has come.</param>
    /// <param name="cancellationToken">
    /// The call ends at once; a download that was under way stops with its next bytes and is continued by the next call.
    /// </param>
    /// <exception cref="ArgumentException">An argument is empty or null, the name is that of no folder and can be none of the Hub, or there is no such device.</exception>
    /// <exception cref="IOException">The Hub and the cache do not have it, or cannot be used; the message says which and what would help.</exception>
    /// <exception cref="InvalidDataException">What is there is no GPT-2, or is damaged; the message names the file.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<GptModel> LoadPretrainedAsync(
        string nameOrFolder,
        string revision = "main",
        string device = "auto",
        IProgress<DownloadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameOrFolder);
        ArgumentException.ThrowIfNullOrWhiteSpace(revision);
        DeviceOf(device);
        if (!Directory.Exists(nameOrFolder))
        {
            Refuse(Core.HubNames.checkRepo(nameOrFolder), nameof(nameOrFolder), "there is no such folder, and ");
            Refuse(Core.HubNames.checkRevision(revision), nameof(revision), "");
        }
        return LoadPretrained(nameOrFolder, revision, device, progress, cancellationToken);
    }

    private static async Task<GptModel> LoadPretrained(
        string name, string revision, string device, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var settings = HubAccess.Settings(progress, cancellationToken);
        var found = Task.Run(() => Core.HuggingFace.folder(settings, revision, name), cancellationToken);
        var folder = (await found.WaitAsync(cancellationToken).ConfigureAwait(false)).OrThrow(sentence => new IOException(sentence));
        return await Task.Run(() => Named(Load(folder, device), name), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A snapshot's folder is called by its commit; the model is called by the repository.</summary>
    private static GptModel Named(GptModel model, string name)
    {
        model.Name = Directory.Exists(name) ? model.Name : name;
        return model;
    }

    private static void Refuse(Microsoft.FSharp.Core.FSharpResult<Microsoft.FSharp.Core.Unit, string> check, string argument, string before)
    {
        if (check.IsError)
            throw new ArgumentException($"{argument}: {before}{check.ErrorValue}", argument);
    }
}
