using Microsoft.FSharp.Core;
using TorchSharp;

namespace Gpt.Api;

// Whole texts. Each is a stream, gathered; see GptModel.Stream.cs.
public sealed partial class GptModel
{
    /// <summary>Continues a prompt.</summary>
    /// <param name="prompt">The text to go on from: at least one token, at most the model's context of them.</param>
    /// <param name="options">How; null is the defaults of <see cref="GenerationOptions"/>.</param>
    /// <param name="cancellationToken">Looked at between tokens.</param>
    /// <returns>The new text, without the prompt.</returns>
    /// <exception cref="ArgumentException">The prompt is empty, too long or null, or cannot be encoded; or the options cannot be met.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Completion Generate(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Whole(Prepare(prompt, options, "text_completion"), cancellationToken)[0];

    /// <summary><see cref="Generate"/> on the thread pool. Arguments are looked at before it returns.</summary>
    /// <inheritdoc cref="Generate"/>
    public Task<Completion> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var work = Prepare(prompt, options, "text_completion");
        return Task.Run(() => Whole(work, cancellationToken)[0], cancellationToken);
    }

    /// <summary>
    /// Continues one prompt several times, differently each time. The prompt is read once. With a seed, text i is drawn by a generator
    /// of its own, so it does not hang on their number; it is another text than that of <see cref="Generate"/>.
    /// </summary>
    /// <param name="prompt">The text to go on from; see <see cref="Generate"/>.</param>
    /// <param name="count">How many texts, at least 1.</param>
    /// <param name="options">How; null is the defaults.</param>
    /// <param name="cancellationToken">Looked at between tokens.</param>
    /// <inheritdoc cref="Generate"/>
    public IReadOnlyList<Completion> GenerateSamples(
        string prompt, int count, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        Require.AtLeast(1, count, nameof(count));
        return Whole(Prepare(prompt, options, "text_completion", count), cancellationToken);
    }

    /// <summary><see cref="GenerateSamples"/> on the thread pool. Arguments are looked at before it returns.</summary>
    /// <inheritdoc cref="GenerateSamples"/>
    public Task<IReadOnlyList<Completion>> GenerateSamplesAsync(
        string prompt, int count, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        Require.AtLeast(1, count, nameof(count));
        var work = Prepare(prompt, options, "text_completion", count);
        return Task.Run(() => Whole(work, cancellationToken), cancellationToken);
    }

    /// <summary>
    /// Continues several prompts side by side, which takes less time than one after the other. With a seed, the text of prompt i is
    /// drawn by a generator of its own, so it does not hang on the other prompts.
    /// </summary>
    /// <param name="prompts">The texts to go on from, at least one; see <see cref="Generate"/>.</param>
    /// <param name="options">How; null is the defaults.</param>
    /// <param name="cancellationToken">Looked at between tokens.</param>
    /// <returns>The new texts, in the order of the prompts.</returns>
    /// <inheritdoc cref="Generate"/>
    public IReadOnlyList<Completion> GenerateBatch(
        IEnumerable<string> prompts, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Whole(PrepareBatch(prompts, options), cancellationToken);

    /// <summary><see cref="GenerateBatch"/> on the thread pool. Arguments are looked at before it returns.</summary>
    /// <inheritdoc cref="GenerateBatch"/>
    public Task<IReadOnlyList<Completion>> GenerateBatchAsync(
        IEnumerable<string> prompts, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var work = PrepareBatch(prompts, options);
        return Task.Run(() => Whole(work, cancellationToken), cancellationToken);
    }

    /// <summary>The most likely continuations of a prompt as wholes, best first.</summary>
    /// <param name="prompt">The text to go on from; see <see cref="Generate"/>.</param>
    /// <param name="options">How; null is the defaults of <see cref="BeamSearchOptions"/>.</param>
    /// <param name="cancellationToken">Looked at between tokens.</param>
    /// <inheritdoc cref="Generate"/>
    public IReadOnlyList<BeamResult> BeamSearch(
        string prompt, BeamSearchOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        var (core, ids) = PrepareBeam(prompt, options);
        using var lease = shared.Use();
        var asked = new GenerationOptions { MaxNewTokens = options.MaxNewTokens, Seed = options.Seed };
        using var watch = Watch.Start("text_completion", Name, ids.Length, asked, options.Return);
        return watch.Observe(() =>
        {
            var look = Core.Stage.NewWarp(FuncConvert.FromFunc<torch.Tensor, torch.Tensor>(logits =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                return logits;
            }));
            var found = FSharp.Naming(nameof(options), () =>
                Core.Beam.search(core, FSharp.List([look]), Plan.RngOf(options.Seed), lease.Model, ids));
            IReadOnlyList<BeamResult> best = [.. found.Select(hypothesis => Convert.Beam(Tokenizer, hypothesis))];
            foreach (var text in best)
                watch.Produced(text);
            return best;
        });
    }

    /// <summary><see cref="BeamSearch"/> on the thread pool. Arguments are looked at before it returns.</summary>
    /// <inheritdoc cref="BeamSearch"/>
    public Task<IReadOnlyList<BeamResult>> BeamSearchAsync(
        string prompt, BeamSearchOptions? options = null, CancellationToken cancellationToken = default)
    {
        PrepareBeam(prompt, options ?? new());
        return Task.Run(() => BeamSearch(prompt, options, cancellationToken), cancellationToken);
    }

    private (Core.BeamOptions Options, int[] Prompt) PrepareBeam(string prompt, BeamSearchOptions options)
    {
        using var lease = shared.Use();
        var ids = PromptIds(prompt, true, nameof(prompt));
        var core = options.ToCore(Tokenizer, nameof(options));
        // A stream looks at its prompt when it is asked for, and computes nothing before its first token.
        FSharp.Naming(nameof(prompt), () => Core.Beam.stream(core, FSharp.List<Core.Stage>([]), Plan.RngOf(0), lease.Model, ids));
        return (core, ids);
    }
}
