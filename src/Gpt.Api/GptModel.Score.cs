namespace Gpt.Api;

// What the model thinks of texts.
public sealed partial class GptModel
{
    private static readonly GenerationOptions oneToken = new() { MaxNewTokens = 1, Greedy = true, EndTokens = [], Seed = 0 };

    /// <summary>The most likely next tokens after a prompt, best first, with the probabilities that the model itself gives them.</summary>
    /// <param name="prompt">The text that stands before: at least one token, at most the model's context of them.</param>
    /// <param name="count">How many, 1 to the vocabulary's size. Default 10, or the whole vocabulary if that is smaller.</param>
    /// <exception cref="ArgumentException">The prompt is empty, too long or null, or cannot be encoded; or there are not so many tokens.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<TokenProbability> NextTokens(string prompt, int? count = null)
    {
        var asked = count ?? Math.Min(10, Config.VocabSize);
        if (asked < 1 || asked > Config.VocabSize)
            throw new ArgumentOutOfRangeException(
                nameof(count), asked, $"{nameof(count)} is {asked}; it must be in 1 to {Config.VocabSize}, the number of tokens");
        var work = Prepare(prompt, oneToken with { LogProbabilities = asked }, "text_completion");
        // A watcher is told of the call, not of options that nobody asked for.
        return Convert.Token(Tokenizer, Run(work with { Asked = null }, CancellationToken.None).First()).Alternatives;
    }

    /// <summary>How well the model predicts a text: the log-probability of each token after those before it, and the perplexity.</summary>
    /// <param name="text">At least two tokens. It may be longer than the context: a window moves over it.</param>
    /// <param name="context">How many tokens a window has, 2 to the model's context; null, the default, is the model's context.</param>
    /// <param name="stride">
    /// By how many tokens the window moves, 1 to <paramref name="context"/>; null, the default, is half of it. Every token but the
    /// text's first is scored once, after at least context - stride tokens, if so many stand before it; with a stride as long
    /// as the context the first token of each window is not scored.
    /// </param>
    /// <param name="cancellationToken">Looked at between windows.</param>
    /// <exception cref="ArgumentException">The text is null, too short or cannot be encoded; or the numbers are outside their ranges.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public TextScore Score(string text, int? context = null, int? stride = null, CancellationToken cancellationToken = default)
    {
        var ids = Tokenizer.Encode(text, specialTokens: true, nameof(text));
        var window = context ?? Config.Context;
        var step = stride ?? Math.Max(1, window / 2);
        using var lease = shared.Use();
        // The window is looked at first.
        var wrong = window < 2 || window > Config.Context ? nameof(context) : nameof(stride);
        Core.Perplexity.checkWindows(window, step, lease.Model).OrThrow(FSharp.Argument(wrong));
        Core.Perplexity.checkText(lease.Model, ids).OrThrow(FSharp.Argument(nameof(text)));
        var tokens = new List<ScoredToken>(ids.Length);
        foreach (var (position, loss) in Core.Perplexity.losses(window, step, lease.Model, ids))
        {
            cancellationToken.ThrowIfCancellationRequested();
            tokens.Add(new(position, ids[position], Tokenizer.TextOf(ids[position]), -loss));
        }
        var mean = tokens.Average(token => -token.LogProbability);
        return new(tokens, mean, Core.Loss.perplexity(mean));
    }

    /// <summary><see cref="Score"/> on the thread pool.</summary>
    /// <inheritdoc cref="Score"/>
    public Task<TextScore> ScoreAsync(string text, int? context = null, int? stride = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Score(text, context, stride, cancellationToken), cancellationToken);
}
