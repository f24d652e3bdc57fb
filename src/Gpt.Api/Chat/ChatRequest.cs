using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Gpt.Api;

/// <summary>A request of Microsoft.Extensions.AI in the facade's words.</summary>
internal static class ChatRequest
{
    /// <summary>
    /// The generation options of a request: the client's own, and over them what the request says, which takes the place of what
    /// contradicts it.
    /// </summary>
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
        return Formed(asked.Temperature == 0 ? MostLikely(own) : Drawn(own, asked), asked.ResponseFormat) with
        {
            FrequencyPenalty = Number(asked.FrequencyPenalty) ?? own.FrequencyPenalty,
            PresencePenalty = Number(asked.PresencePenalty) ?? own.PresencePenalty,
            MaxNewTokens = asked.MaxOutputTokens ?? own.MaxNewTokens,
            MinNewTokens = Math.Min(own.MinNewTokens, asked.MaxOutputTokens ?? own.MinNewTokens),
            StopTexts = asked.StopSequences is { } stops ? [.. stops] : own.StopTexts,
            Seed = asked.Seed is { } seed ? unchecked((ulong)seed) : own.Seed,
        };
    }

    /// <summary>The messages, the request's instructions before them.</summary>
    internal static List<ChatMessage> Messages(IEnumerable<ChatMessage> messages, ChatOptions? asked)
    {
        List<ChatMessage> all = asked?.Instructions is { Length: > 0 } instructions ? [new(ChatRole.System, instructions), .. messages] : [.. messages];
        foreach (var message in all)
        {
            if (message is null)
                throw new ArgumentException("messages: a message is null", nameof(messages));
            if (message.Contents.FirstOrDefault(content => content is not TextContent) is { } other)
                throw new ArgumentException($"messages: a message holds {other.GetType().Name}; the models here read text alone", nameof(messages));
        }
        return all;
    }

    /// <summary>Temperature 0: nothing is drawn, so there is nothing to cut.</summary>
    private static GenerationOptions MostLikely(GenerationOptions own) => own with
    {
        Greedy = true,
        Temperature = null,
        DynamicTemperature = null,
        TopK = null,
        TopP = null,
        MinP = null,
        TopA = null,
        TypicalP = null,
        EpsilonCutoff = null,
        EtaCutoff = null,
        TopNSigma = null,
        Xtc = null,
        Mirostat = null,
    };

    private static GenerationOptions Drawn(GenerationOptions own, ChatOptions asked) => own with
    {
        Greedy = own.Greedy && asked is { Temperature: null, TopP: null, TopK: null },
        Temperature = Number(asked.Temperature) ?? own.Temperature,
        DynamicTemperature = asked.Temperature is null ? own.DynamicTemperature : null,
        TopP = Number(asked.TopP) ?? own.TopP,
        TopK = asked.TopK ?? own.TopK,
    };

    private static GenerationOptions Formed(GenerationOptions options, ChatResponseFormat? format) => format switch
    {
        null => options,
        ChatResponseFormatText => options with { Pattern = null, JsonSchema = null },
        ChatResponseFormatJson { Schema: { } schema } => options with { Pattern = null, JsonSchema = WithoutFormats(schema.GetRawText()) },
        _ => throw Refuse("ResponseFormat is JSON without a schema; a schema is needed"),
    };

    /// <summary>
    /// A schema without <c>format</c>, which is an annotation (JSON Schema 2020-12, validation, 7.2.1) and stands at every date that
    /// .NET makes a schema of. A property may be called so, too.
    /// </summary>
    private static string WithoutFormats(string schema)
    {
        if (!schema.Contains("\"format\"", StringComparison.Ordinal))
            return schema;
        return FSharp.Naming("options", () =>
        {
            var node = JsonNode.Parse(schema);
            Strip(node);
            return node!.ToJsonString();
        });

        static void Strip(JsonNode? node)
        {
            foreach (var item in node as JsonArray ?? [])
                Strip(item);
            if (node is not JsonObject keywords)
                return;
            keywords.Remove("format");
            // Where schemas stand in a schema, of what the library reads.
            foreach (var (keyword, value) in keywords)
            {
                if (keyword is "items" or "anyOf")
                    Strip(value);
                else if (keyword is "properties" or "$defs" or "definitions")
                    foreach (var (_, below) in value as JsonObject ?? [])
                        Strip(below);
            }
        }
    }

    /// <summary>The number that was written: 0.8f is 0.8, not 0.800000011920929.</summary>
    private static double? Number(float? value) =>
        value is { } given ? double.Parse(given.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;

    private static ArgumentException Refuse(string sentence) => new($"options: {sentence}", "options");
}
