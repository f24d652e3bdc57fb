using System.Runtime.CompilerServices;
using Microsoft.FSharp.Collections;

namespace Gpt.Api;

// Texts token by token: what everything else that writes is made of.
public sealed partial class GptModel
{
    /// <summary>Continues a prompt, a token at a time.</summary>
    /// <param name="prompt">The text to go on from: at least one token, at most the model's context of them.</param>
    /// <param name="options">How; null is the defaults of <see cref="GenerationOptions"/>.</param>
    /// <param name="cancellationToken">Looked at before each token.</param>
    /// <returns>
    /// The new tokens, each computed when it is asked for; leave the loop to stop. Enumerated again, it gives the same text again.
    /// </returns>
    /// <exception cref="ArgumentException">The prompt is empty, too long or null, or cannot be encoded; or the options cannot be met.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, while enumerating.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IEnumerable<GeneratedToken> Stream(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var work = Prepare(prompt, options, "text_completion");
        return Run(work, cancellationToken).Select(token => Convert.Token(Tokenizer, token));
    }

    /// <summary><see cref="Stream"/> with each token computed on the thread pool. Arguments are looked at before it returns.</summary>
    /// <inheritdoc cref="Stream"/>
    public IAsyncEnumerable<GeneratedToken> StreamAsync(
        string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Awaited(Prepare(prompt, options, "text_completion"), cancellationToken);

    /// <summary>What a call of <paramref name="operation"/> is to do, everything checked.</summary>
    private Work Prepare(string prompt, GenerationOptions? options, string operation, int? samples = null)
    {
        shared.ThrowIfDisposed();
        return Prepare(PromptIds(prompt, true, nameof(prompt)), nameof(prompt), options ?? GenerationOptions.Default, operation, samples);
    }

    private Work Prepare(int[] ids, string argument, GenerationOptions options, string operation, int? samples)
    {
        var plan = Plan.Make(options, Tokenizer, constraints);
        using var lease = shared.Use();
        var tokens = FSharp.Naming(argument, () => samples is { } count
            ? Core.Generate.samples(plan.Options, plan.Sampling, plan.Rng, count, lease.Model, ids)
            : Core.Generate.stream(plan.Options, plan.Sampling, plan.Rng, lease.Model, ids));
        return new(operation, options, samples ?? 1, [.. Enumerable.Repeat(ids.Length, samples ?? 1)], ids.Length, tokens);
    }

    /// <summary>The same for a prompt that strangers wrote, plain text, of which the model reads no more than its last context.</summary>
    internal Work PrepareEnd(string prompt, string argument, GenerationOptions options, string operation)
    {
        using var lease = shared.Use();
        var ids = PromptIds(prompt, false, argument);
        return Prepare(Core.Generate.lastContext(lease.Model, ids), argument, options, operation, null);
    }

    private Work PrepareBatch(IEnumerable<string> prompts, GenerationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        shared.ThrowIfDisposed();
        options ??= GenerationOptions.Default;
        var ids = prompts.Select(prompt => PromptIds(prompt, true, nameof(prompts))).ToList();
        var plan = Plan.Make(options, Tokenizer, constraints);
        using var lease = shared.Use();
        var rows = ListModule.OfSeq(ids.Select((prompt, i) => Tuple.Create(Core.RngModule.split((ulong)i, plan.Rng), prompt)));
        var tokens = FSharp.Naming(nameof(prompts), () => Core.Generate.batch(plan.Options, plan.Sampling, lease.Model, rows));
        return new("text_completion", options, 1, [.. ids.Select(prompt => prompt.Length)], ids.Sum(prompt => prompt.Length), tokens);
    }

    private int[] PromptIds(string prompt, bool specialTokens, string argument)
    {
        var ids = Tokenizer.Encode(prompt, specialTokens, argument);
        if (ids.Length == 0)
            throw new ArgumentException($"{argument} is empty; it must hold at least one character", argument);
        return ids;
    }

    /// <summary>The tokens as the library gives them, with the model held, the operation watched and cancellation looked at.</summary>
    internal IEnumerable<Core.GeneratedToken> Run(Work work, CancellationToken cancellationToken)
    {
        using var lease = shared.Use();
        using var watch = Watch.Start(work.Operation, Name, work.InputTokens, work.Asked, work.Choices);
        using var tokens = work.Tokens.GetEnumerator();
        while (watch.Observe(() => MoveNext(tokens, cancellationToken)))
        {
            watch.Produced(tokens.Current);
            yield return tokens.Current;
        }
    }

    private static bool MoveNext(IEnumerator<Core.GeneratedToken> tokens, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return FSharp.Naming("options", tokens.MoveNext);
    }

    /// <summary>The tokens of <see cref="Run"/>, each made on the thread pool.</summary>
    internal async IAsyncEnumerable<GeneratedToken> Awaited(Work work, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var tokens = Core.AsyncStream.ofSeq(Run(work, cancellationToken));
        await foreach (var token in tokens.WithCancellation(cancellationToken).ConfigureAwait(false))
            yield return Convert.Token(Tokenizer, token);
    }

    internal IReadOnlyList<Completion> Whole(Work work, CancellationToken cancellationToken)
    {
        var texts = Core.Generate.collect(Run(work, cancellationToken));
        return [.. texts.Select((text, i) => Convert.Completion(work.PromptTokens[i], text))];
    }

    /// <summary>
    /// A call that has been checked: what it is called, what the caller asked for, how many texts of a prompt, and its tokens, not yet
    /// computed.
    /// </summary>
    internal sealed record Work(
        string Operation, GenerationOptions? Asked, int Choices, IReadOnlyList<int> PromptTokens, int InputTokens, IEnumerable<Core.GeneratedToken> Tokens);
}
