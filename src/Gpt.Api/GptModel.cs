using TorchSharp;

namespace Gpt.Api;

/// <summary>
/// A GPT with its tokenizer: text in, text out.
/// <code>
/// using var model = GptModel.Load("runs/shakespeare");
/// Console.WriteLine(model.Generate("HAMLET:").Text);
/// </code>
/// </summary>
/// <remarks>
/// Any number of threads may use one model at once, with every member; each call's result is the same as if it were alone.
/// <see cref="Dispose"/> may come at any time: what is being generated goes on to its end, later calls raise
/// ObjectDisposedException.
/// </remarks>
public sealed partial class GptModel : IDisposable
{
    private readonly SharedModel shared;
    private readonly ConstraintCache constraints;

    internal GptModel(Core.Model model, Tokenizer tokenizer, string name)
    {
        shared = new(model);
        constraints = new(tokenizer);
        Tokenizer = tokenizer;
        Name = name;
        Config = GptConfig.Of(model.Config);
        ParameterCount = Core.Params.count(model.Config);
    }

    /// <summary>The sizes of the model.</summary>
    public GptConfig Config { get; }

    /// <summary>How text becomes tokens for it.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The number of numbers it has learned, tied weights counted once.</summary>
    public long ParameterCount { get; }

    /// <summary>What traces and metrics call it: the name or the last part of the path it was loaded from.</summary>
    public string Name { get; private set; }

    /// <summary>Loads a model and its tokenizer from a folder: a checkpoint, or a GPT-2 as Hugging Face keeps it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="device">Where to compute: <c>auto</c>, the first GPU if there is one; <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <exception cref="ArgumentException">The path is empty or null, or there is no such device.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">A file is missing or damaged, or asks for what is not supported; the message names it.</exception>
    public static GptModel Load(string path, string device = "auto")
    {
        Require.Folder(path, nameof(path));
        var place = DeviceOf(device);
        var (model, tokenizer) = Core.Checkpoint.load(place, path).OrThrow(Require.BadData);
        return new(model, new(tokenizer), Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))));
    }

    /// <summary>A model with fresh parameters, to be trained: see <see cref="Trainer"/>. One seed gives one model.</summary>
    /// <param name="config">Its sizes; <see cref="GptConfig.VocabSize"/> must be the tokenizer's.</param>
    /// <param name="tokenizer">How text becomes tokens for it.</param>
    /// <param name="seed">Decides the parameters.</param>
    /// <param name="device">Where to compute; see <see cref="Load"/>.</param>
    /// <exception cref="ArgumentException">
    /// An argument is null, no model can have these sizes, the tokenizer has another number of tokens, or there is no such device.
    /// </exception>
    public static GptModel Create(GptConfig config, Tokenizer tokenizer, ulong seed = 0, string device = "auto")
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var sizes = config.ToCore(nameof(config));
        if (sizes.VocabSize != tokenizer.VocabSize)
            throw new ArgumentException(
                $"{nameof(config)}: VocabSize is {sizes.VocabSize}; it must be {tokenizer.VocabSize}, the number of tokens of the tokenizer", nameof(config));
        return new(Core.Init.model(DeviceOf(device), sizes, Core.RngModule.ofSeed(seed)), tokenizer, "gpt");
    }

    /// <summary>
    /// Writes the model and its tokenizer as a checkpoint folder, which <see cref="Load"/> and Hugging Face transformers read. What
    /// stood there before is whole until the new is; a run that <see cref="Trainer.Save"/> kept there is removed.
    /// </summary>
    /// <param name="path">The folder; made when it is not there.</param>
    /// <exception cref="ArgumentException">The path is empty or null.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using var lease = shared.Use();
        Core.Checkpoint.trySave(path, Tokenizer.Core, lease.Model).OrThrow(sentence => new IOException(sentence));
    }

    /// <summary>Frees the model's memory, as soon as nothing is being generated with it. Any call after the first does nothing.</summary>
    public void Dispose() => shared.Dispose();

    internal Core.GptConfig CoreConfig => shared.Config;

    /// <summary>The model, held until the lease is disposed.</summary>
    internal SharedModel.Lease Use() => shared.Use();

    internal static torch.Device DeviceOf(string device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Core.Device.parse(device).OrThrow(FSharp.Argument(nameof(device)));
    }
}
