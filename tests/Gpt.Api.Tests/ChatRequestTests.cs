using System.Text.Json;
using Microsoft.Extensions.AI;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>What a request says takes the place of what contradicts it in the client's own options.</summary>
public sealed class ChatRequestTests
{
    private const string Prompt = "to be or";

    private static readonly GenerationOptions plain = new() { MaxNewTokens = 8, Seed = 1 };
    private static readonly GenerationOptions best = new() { MaxNewTokens = 8, Greedy = true };

    /// <summary>The client's own options, a request, and the options that both together come to.</summary>
    private static readonly Dictionary<string, (GenerationOptions Own, ChatOptions Asked, GenerationOptions Same)> cases = new()
    {
        ["temperature 0 with top-p"] = (plain, new() { Temperature = 0, TopP = 1 }, best),
        ["temperature 0 with top-k"] = (plain, new() { Temperature = 0, TopK = 40 }, best),
        ["temperature 0 over temperature"] = (plain with { Temperature = 0.8 }, new() { Temperature = 0 }, best),
        ["temperature 0 over dynamic temperature"] = (plain with { DynamicTemperature = new() }, new() { Temperature = 0 }, best),
        ["temperature 0 over top-k"] = (plain with { TopK = 5 }, new() { Temperature = 0 }, best),
        ["temperature 0 over top-p"] = (plain with { TopP = 0.9 }, new() { Temperature = 0 }, best),
        ["temperature 0 over min-p"] = (plain with { MinP = 0.1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over top-a"] = (plain with { TopA = 0.1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over typical-p"] = (plain with { TypicalP = 0.1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over epsilon"] = (plain with { EpsilonCutoff = 0.1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over eta"] = (plain with { EtaCutoff = 0.1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over top-n-sigma"] = (plain with { TopNSigma = 1 }, new() { Temperature = 0 }, best),
        ["temperature 0 over XTC"] = (plain with { Xtc = new() { Probability = 1, Threshold = 0 } }, new() { Temperature = 0 }, best),
        ["temperature 0 over Mirostat"] = (plain with { Mirostat = new() }, new() { Temperature = 0 }, best),
        ["temperature over greedy"] = (best with { Seed = 1 }, new() { Temperature = 2 }, plain with { Temperature = 2 }),
        ["top-p over greedy"] = (best with { Seed = 1 }, new() { TopP = 1 }, plain),
        ["top-k over greedy"] = (best with { Seed = 1 }, new() { TopK = 9 }, plain with { TopK = 9 }),
        ["temperature over dynamic temperature"] =
            (plain with { DynamicTemperature = new() }, new() { Temperature = 2 }, plain with { Temperature = 2 }),
        ["schema over pattern"] = (plain with { Pattern = "to" }, new() { ResponseFormat = Schema("""{"const": "be"}""") },
            plain with { JsonSchema = """{"const": "be"}""" }),
        ["text over schema"] = (plain with { JsonSchema = """{"const": "be"}""" }, new() { ResponseFormat = ChatResponseFormat.Text }, plain),
        ["text over pattern"] = (plain with { Pattern = "to" }, new() { ResponseFormat = ChatResponseFormat.Text }, plain),
        ["fewer tokens than the least"] = (plain with { MinNewTokens = 5 }, new() { MaxOutputTokens = 3 }, plain with { MaxNewTokens = 3 }),
    };

    public static TheoryData<string> Names => [.. cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_request_replaces_what_contradicts_it(string name)
    {
        using var model = Trained.HalfWay();
        var (own, asked, same) = cases[name];

        var answer = await new GptChatClient(model, new() { Generation = own }).GetResponseAsync(Prompt, asked);

        Assert.Equal(model.Generate(Prompt, same).Text, answer.Text);
    }

    [Fact]
    public async Task A_request_with_nothing_in_it_leaves_the_options_as_they_are()
    {
        using var model = Trained.HalfWay();
        var own = plain with { Pattern = "(to|be| ){4,}", MinNewTokens = 2, DynamicTemperature = new() };

        var answer = await new GptChatClient(model, new() { Generation = own }).GetResponseAsync(Prompt, new());

        Assert.Equal(model.Generate(Prompt, own).Text, answer.Text);
    }

    [Fact]
    public async Task Empty_instructions_are_none()
    {
        using var model = Trained.HalfWay();

        var answer = await new GptChatClient(model).GetResponseAsync(Prompt, new() { Instructions = "", MaxOutputTokens = 1 });

        Assert.Equal(Prompt.Length, answer.Usage!.InputTokenCount);
    }

    [Fact]
    public async Task What_a_stranger_typed_makes_no_special_token()
    {
        using var model = Bytes();

        var answer = await new GptChatClient(model).GetResponseAsync("<|endoftext|>", new() { MaxOutputTokens = 1 });

        Assert.Equal(model.Tokenizer.Encode("<|endoftext|>", specialTokens: false).Length, answer.Usage!.InputTokenCount);
        Assert.True(answer.Usage.InputTokenCount > 1);
    }

    [Fact]
    public async Task The_format_of_a_schema_is_an_annotation()
    {
        using var model = Bytes();
        var options = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema<Meeting>(), MaxOutputTokens = 150, Seed = 1 };

        var answer = await new GptChatClient(model).GetResponseAsync("to be", options);

        var meeting = JsonElement.Parse(answer.Text);
        Assert.Equal(JsonValueKind.String, meeting.GetProperty("at").ValueKind);
        Assert.Equal(JsonValueKind.Array, meeting.GetProperty("others").ValueKind);
        Assert.Contains(meeting.GetProperty("format").ValueKind, (IEnumerable<JsonValueKind>)[JsonValueKind.True, JsonValueKind.False]);
    }

    private static ChatResponseFormatJson Schema(string json) => ChatResponseFormat.ForJsonSchema(JsonElement.Parse(json));

    /// <summary>A fresh model that can spell anything, with an end token.</summary>
    private static GptModel Bytes()
    {
        var tokenizer = Tokenizer.TrainBpe(Tiny.Verse, 270);
        return GptModel.Create(Tiny.Config with { VocabSize = tokenizer.VocabSize }, tokenizer, seed: 1);
    }

    /// <summary>A form with dates, some of them in a list, and a property that is called as the keyword is.</summary>
    private sealed record Meeting(DateTime At, DateTime[] Others, bool Format);
}
