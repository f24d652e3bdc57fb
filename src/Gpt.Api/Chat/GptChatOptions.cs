using Microsoft.Extensions.AI;

namespace Gpt.Api;

/// <summary>How a <see cref="GptChatClient"/> makes a prompt of a conversation, and how it continues it.</summary>
public sealed record GptChatOptions
{
    /// <summary>How answers are generated where a request does not say otherwise. Default <c>new GenerationOptions()</c>.</summary>
    public GenerationOptions Generation { get; init; } = new();

    /// <summary>
    /// The prompt of a conversation. The models here are no chat models: they continue a text, and this makes it. It is
    /// read as plain text, so that nothing in it becomes a special token. Default <see cref="Continuation"/>.
    /// </summary>
    public Func<IReadOnlyList<ChatMessage>, string> Prompt { get; init; } = Continuation;

    /// <summary>The texts of all messages, a line break between them: the answer continues the last.</summary>
    public static string Continuation(IReadOnlyList<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return string.Join('\n', messages.Select(message => message.Text));
    }

    /// <summary>
    /// A written dialogue, <c>user: …</c> and <c>assistant: …</c> on lines of their own, that ends where the assistant speaks next; a stop
    /// text such as <c>"\nuser:"</c> keeps the model from speaking for the user.
    /// </summary>
    public static string Dialogue(IReadOnlyList<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return string.Concat(messages.Select(message => $"{message.Role}: {message.Text}\n")) + "assistant:";
    }
}
