using System.Globalization;
using Microsoft.Extensions.AI;

namespace Gpt.Api;

/// <summary>A request of Microsoft.Extensions.AI in the facade's words.</summary>
internal static class ChatRequest
{
    /// <summary>The generation options of a request: the client's own, and over them what the request says.</summary>
    internal static GenerationOptions Options(GenerationOptions own, ChatOptions? asked, string model)
    {
        if (asked is null)
            return own;
        if (asked.Tools is { Count: > 0 })
            throw Refuse("Tools are given; the models here call none");
        if (asked.ConversationId is not null)
            throw Refuse("ConversationId is given; nothing is remembered between requests");
        if (asked.ModelId is { } id && id != model)
            throw Refuse($"ModelId is {id}; this client's model is {model}");
        var greedy = asked.Temperature == 0 || (own.Greedy && asked.Temperature is null);
        return own with
        {
            Greedy = greedy,
            Temperature = asked.Temperature == 0 ? null : Number(asked.Temperature) ?? own.Temperature,
            TopP = Number(asked.TopP) ?? own.TopP,
            TopK = asked.TopK ?? own.TopK,
            FrequencyPenalty = Number(asked.FrequencyPenalty) ?? own.FrequencyPenalty,
            PresencePenalty = Number(asked.PresencePenalty) ?? own.PresencePenalty,
            MaxNewTokens = asked.MaxOutputTokens ?? own.MaxNewTokens,
            StopTexts = asked.StopSequences is { } stops ? [.. stops] : own.StopTexts,
            Seed = asked.Seed is { } seed ? unchecked((ulong)seed) : own.Seed,
            JsonSchema = Schema(asked.ResponseFormat) ?? own.JsonSchema,
        };
    }

    /// <summary>The messages, the request's instructions before them.</summary>
    internal static List<ChatMessage> Messages(IEnumerable<ChatMessage> messages, ChatOptions? asked)
    {
        List<ChatMessage> all = asked?.Instructions is { } instructions ? [new(ChatRole.System, instructions), .. messages] : [.. messages];
        foreach (var message in all)
        {
            if (message is null)
                throw new ArgumentException("messages: a message is null", nameof(messages));
            if (message.Contents.FirstOrDefault(content => content is not TextContent) is { } other)
                throw new ArgumentException($"messages: a message holds {other.GetType().Name}; the models here read text alone", nameof(messages));
        }
        return all;
    }

    private static string? Schema(ChatResponseFormat? format) => format switch
    {
        null or ChatResponseFormatText => null,
        ChatResponseFormatJson { Schema: { } schema } => schema.GetRawText(),
        _ => throw Refuse("ResponseFormat is JSON without a schema; a schema is needed"),
    };

    /// <summary>The number that was written: 0.8f is 0.8, not 0.800000011920929.</summary>
    private static double? Number(float? value) =>
        value is { } given ? double.Parse(given.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;

    private static ArgumentException Refuse(string sentence) => new($"options: {sentence}", "options");
}
