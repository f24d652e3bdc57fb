using System.Text.Json;
using Microsoft.Extensions.AI;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>A model as a client of Microsoft.Extensions.AI.</summary>
public sealed class ChatTests
{
    private static readonly ChatOptions greedy = new() { Temperature = 0, MaxOutputTokens = 10 };

    [Fact]
    public async Task A_client_answers_with_the_models_text()
    {
        using var model = Trained.Model();
        IChatClient client = new GptChatClient(model);

        var answer = await client.GetResponseAsync("to be or", greedy);

        Assert.Equal(model.Generate("to be or", new() { MaxNewTokens = 10, Greedy = true }).Text, answer.Text);
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal((8, 10, 18), (answer.Usage!.InputTokenCount, answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount));
        Assert.Equal(model.Name, answer.ModelId);
        Assert.Equal(ChatRole.Assistant, answer.Messages.Single().Role);
    }

    [Fact]
    public async Task An_answer_is_streamed()
    {
        using var model = Trained.Model();
        IChatClient client = new GptChatClient(model);

        var updates = await client.GetStreamingResponseAsync("to be or", greedy).ToListAsync();

        Assert.Equal((await client.GetResponseAsync("to be or", greedy)).Text, string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(11, updates.Count);
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
    }

    [Fact]
    public async Task A_request_says_otherwise_than_the_client()
    {
        using var model = Trained.Model();
        IChatClient client = new GptChatClient(model, new() { Generation = new() { MaxNewTokens = 30, Seed = 1 } });

        async Task<string> Text(ChatOptions? options) => (await client.GetResponseAsync("to be ", options)).Text;

        Assert.Equal(model.Generate("to be ", new() { MaxNewTokens = 30, Seed = 1 }).Text, await Text(null));
        Assert.Equal(model.Generate("to be ", new() { MaxNewTokens = 30, Seed = 2, TopK = 2, TopP = 0.9, Temperature = 0.8 }).Text,
            await Text(new() { Seed = 2, TopK = 2, TopP = 0.9f, Temperature = 0.8f }));
        Assert.Equal(model.Generate("to be ", new() { MaxNewTokens = 30, Seed = 1, FrequencyPenalty = 1.5, PresencePenalty = 0.5 }).Text,
            await Text(new() { FrequencyPenalty = 1.5f, PresencePenalty = 0.5f }));
        Assert.Equal(model.Generate("to be ", new() { MaxNewTokens = 30, Seed = 1, StopTexts = ["o"] }).Text, await Text(new() { StopSequences = ["o"] }));
        var format = ChatResponseFormat.ForJsonSchema(JsonElement.Parse("""{"const": "to be"}"""));
        Assert.Equal("\"to be\"", await Text(new() { ResponseFormat = format }));
    }

    [Fact]
    public async Task The_prompt_of_a_conversation_is_the_callers_choice()
    {
        using var model = Trained.Model();
        var seen = "";
        IChatClient client = new GptChatClient(model, new()
        {
            Prompt = messages =>
            {
                seen = GptChatOptions.Dialogue(messages);
                return "to be";
            },
        });

        await client.GetResponseAsync([new(ChatRole.User, "to be?"), new(ChatRole.Assistant, "not"), new(ChatRole.User, "or")],
            new() { Instructions = "that is", MaxOutputTokens = 1 });

        Assert.Equal("system: that is\nuser: to be?\nassistant: not\nuser: or\nassistant:", seen);
        Assert.Equal("to\nbe", GptChatOptions.Continuation([new(ChatRole.User, "to"), new(ChatRole.User, "be")]));
    }

    [Fact]
    public async Task Of_a_long_conversation_the_end_is_read()
    {
        using var model = Trained.Model();
        IChatClient client = new GptChatClient(model);

        var answer = await client.GetResponseAsync(Tiny.Verse, greedy);

        Assert.Equal(model.Generate(Tiny.Verse[^16..], new() { MaxNewTokens = 10, Greedy = true }).Text, answer.Text);
    }

    [Fact]
    public void A_client_tells_what_it_is()
    {
        using var model = Trained.Model();
        using IChatClient client = new GptChatClient(model);

        Assert.Equal(model.Name, client.GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.Same(model, client.GetService<GptModel>());
        Assert.Same(client, client.GetService<IChatClient>());
        Assert.Null(client.GetService<string>());
        Assert.Null(client.GetService<GptModel>("key"));
    }

    [Fact]
    public void What_a_model_cannot_do_is_refused()
    {
        using var model = Trained.Model();
        IChatClient client = new GptChatClient(model);

        void Refused(string word, ChatOptions options) =>
            Assert.Contains(word, Assert.Throws<ArgumentException>(() => { client.GetStreamingResponseAsync("to be", options); }).Message);

        Refused("Tools", new() { Tools = [AIFunctionFactory.Create(() => 1)] });
        Refused("ConversationId", new() { ConversationId = "1" });
        Refused("ModelId", new() { ModelId = "another" });
        Refused("schema", new() { ResponseFormat = ChatResponseFormat.Json });
        Refused("temperature", new() { Temperature = -1 });
        Refused("temperature", new() { Temperature = float.NaN });
        ChatMessage[] picture = [new(ChatRole.User, [new UriContent("https://example.com/a.png", "image/png")])];
        Assert.Contains("UriContent", Assert.Throws<ArgumentException>(() => { client.GetStreamingResponseAsync(picture); }).Message);
    }
}
