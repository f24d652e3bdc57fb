using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Gpt.Api;

/// <summary>
/// A model as an <see cref="IChatClient"/>. It continues the prompt that <see cref="GptChatOptions.Prompt"/> makes of a conversation;
/// of a longer one than the model's context it reads the end.
/// <code>
/// IChatClient client = new GptChatClient(model);
/// Console.WriteLine(await client.GetResponseAsync("Once upon a time"));
/// </code>
/// </summary>
/// <remarks>
/// Of <see cref="ChatOptions"/> it does Temperature (0 is the most likely token always), TopP, TopK, both penalties, MaxOutputTokens,
/// StopSequences, Seed, Instructions (a system message before the others) and a ResponseFormat of text or of JSON with a schema, whose
/// <c>format</c> is an annotation and holds the text to nothing. What a request says takes the place of what contradicts it in
/// <see cref="GptChatOptions.Generation"/>. The prompt is plain text: what someone typed makes no special token. Tools, JSON
/// without a schema, another model's ModelId, a ConversationId and what is not text are refused with an ArgumentException; AdditionalProperties and
/// Reasoning mean nothing to it. Any number of threads may use it at once. The model is the caller's to dispose.
/// </remarks>
public sealed class GptChatClient : IChatClient
{
    private readonly GptModel model;
    private readonly GptChatOptions options;
    private readonly ChatClientMetadata metadata;

    /// <summary>A client of a model.</summary>
    /// <param name="model">The model; it must not be disposed before the client's last answer.</param>
    /// <param name="options">How; null is the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="model"/> is null, or a field of <paramref name="options"/> is.</exception>
    public GptChatClient(GptModel model, GptChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        this.model = model;
        this.options = options ?? new();
        if (this.options.Generation is null)
            throw new ArgumentNullException(nameof(options), "options: Generation is null; leave it out for the defaults");
        if (this.options.Prompt is null)
            throw new ArgumentNullException(nameof(options), "options: Prompt is null; leave it out for Continuation");
        metadata = new("gpt", null, model.Name);
    }

    /// <summary>The whole answer.</summary>
    /// <param name="messages">The conversation so far, text only, at least one character.</param>
    /// <param name="options">What this request wants otherwise than <see cref="GptChatOptions.Generation"/>.</param>
    /// <param name="cancellationToken">Looked at between tokens.</param>
    /// <exception cref="ArgumentException">The messages or the options cannot be met; or a message is null.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>The answer as it is written; the last update has the reason of the end and the numbers of tokens.</summary>
    /// <inheritdoc cref="GetResponseAsync"/>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var asked = ChatRequest.Options(this.options.Generation, options, model.Name);
        var prompt = this.options.Prompt(ChatRequest.Messages(messages, options));
        return Updates(model.PrepareEnd(prompt, nameof(messages), asked, "chat"), cancellationToken);
    }

    /// <summary>This client, its model, or its <see cref="ChatClientMetadata"/>; null for any other type or any key.</summary>
    /// <exception cref="ArgumentNullException"><paramref name="serviceType"/> is null.</exception>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        object[] known = [this, metadata, model];
        return known.FirstOrDefault(serviceType.IsInstanceOfType);
    }

    /// <summary>Nothing: the model is the caller's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<ChatResponseUpdate> Updates(
        GptModel.Work work, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var id = Guid.NewGuid().ToString("N");
        var count = 0;
        await foreach (var token in model.Awaited(work, cancellationToken).ConfigureAwait(false))
        {
            count++;
            if (token.Text.Length > 0)
                yield return Update(new TextContent(token.Text), null);
            if (token.FinishReason is { } reason)
            {
                var usage = new UsageDetails { InputTokenCount = work.InputTokens, OutputTokenCount = count, TotalTokenCount = work.InputTokens + count };
                yield return Update(new UsageContent(usage), reason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop);
            }
        }

        ChatResponseUpdate Update(AIContent content, ChatFinishReason? reason) => new(ChatRole.Assistant, [content])
        {
            ResponseId = id,
            MessageId = id,
            ModelId = model.Name,
            FinishReason = reason,
        };
    }
}
