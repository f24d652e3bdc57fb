using Xunit;

namespace Gpt.Api.Tests;

/// <summary>Every option of <see cref="GenerationOptions"/> does something, and what it says.</summary>
public sealed class OptionsTests
{
    // A prompt in which things stand twice, and a text long enough for a change to show.
    private const string Prompt = "to be or not to ";

    private static readonly GenerationOptions plain = new() { MaxNewTokens = 40, Seed = 3 };

    private static int Id(char letter) => Trained.Letters.Encode(letter.ToString())[0];

    /// <summary>Options that differ from <see cref="plain"/> in one thing; the text differs, too.</summary>
    private static readonly Dictionary<string, GenerationOptions> changes = new()
    {
        ["MaxNewTokens"] = plain with { MaxNewTokens = 20 },
        ["Seed"] = plain with { Seed = 4 },
        ["Greedy"] = plain with { Greedy = true },
        ["EndTokens"] = plain with { EndTokens = [.. Enumerable.Range(0, 6)] },
        ["StopTexts"] = plain with { StopTexts = ["t", "e", "o", " "] },
        ["Pattern"] = plain with { Pattern = "(to|be| ){4,}" },
        ["JsonSchema"] = plain with { JsonSchema = """{"const": "to"}""" },
        ["Guidance"] = plain with { Guidance = new() { NegativePrompt = "question", Scale = 40 } },
        ["Temperature"] = plain with { Temperature = 0.05 },
        ["DynamicTemperature"] = plain with { DynamicTemperature = new() { Low = 0.01, High = 0.1 } },
        ["TopK"] = plain with { TopK = 2 },
        ["TopP"] = plain with { TopP = 0.2 },
        ["MinP"] = plain with { MinP = 0.95 },
        ["TopA"] = plain with { TopA = 1 },
        ["TypicalP"] = plain with { TypicalP = 0.2 },
        ["EpsilonCutoff"] = plain with { EpsilonCutoff = 0.06 },
        ["EtaCutoff"] = plain with { EtaCutoff = 0.9 },
        ["TopNSigma"] = plain with { TopNSigma = 0.5 },
        ["Xtc"] = plain with { Xtc = new() { Probability = 1, Threshold = 0.05 } },
        ["Mirostat"] = plain with { Mirostat = new() { Tau = 0.5 } },
        ["RepetitionPenalty"] = plain with { RepetitionPenalty = 50 },
        ["PresencePenalty"] = plain with { PresencePenalty = 5 },
        ["FrequencyPenalty"] = plain with { FrequencyPenalty = 5 },
        ["PenaltyWindow"] = plain with { PresencePenalty = 5, PenaltyWindow = 1 },
        ["NoRepeatNgram"] = plain with { NoRepeatNgram = 1, MaxNewTokens = 4 },
        ["Dry"] = plain with { Dry = new() { Multiplier = 50, AllowedLength = 1 } },
        ["LogitBias"] = plain with { LogitBias = new Dictionary<int, double> { [Id('q')] = 8 } },
        ["SequenceBias"] = plain with { SequenceBias = new Dictionary<string, double> { ["q"] = 8 } },
        ["BadWords"] = plain with { BadWords = ["t", "o", "e"] },
        ["BannedTokens"] = plain with { BannedTokens = [Id('t'), Id('o'), Id('e')] },
        ["AllowedTokens"] = plain with { AllowedTokens = [Id('t'), Id('o')] },
        ["ForcedTokens"] = plain with { ForcedTokens = [Id('q'), Id('q')] },
        ["Order"] = plain with { Temperature = 0.1, TopP = 0.5, Order = ProcessorOrder.LlamaCpp },
        ["MinNewTokens"] = plain with { EndTokens = [Id('t'), Id('o'), Id('e')], MinNewTokens = 30 },
    };

    public static TheoryData<string> Names => [.. changes.Keys];

    /// <summary>What an option is compared with, where the plain options are not what differs from it in one thing.</summary>
    private static GenerationOptions Beside(string name, GenerationOptions changed) => name switch
    {
        "PenaltyWindow" => changed with { PenaltyWindow = null },
        "NoRepeatNgram" => changed with { NoRepeatNgram = null },
        "Order" => changed with { Order = ProcessorOrder.HuggingFace },
        "MinNewTokens" => changed with { MinNewTokens = 0 },
        _ => plain,
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_option_changes_the_text(string name)
    {
        using var model = Trained.HalfWay();
        var changed = changes[name];

        Assert.NotEqual(model.Generate(Prompt, Beside(name, changed)).Text, model.Generate(Prompt, changed).Text);
    }

    [Fact]
    public void No_option_is_left_out_of_the_table()
    {
        var tested = changes.Keys.Append(nameof(GenerationOptions.LogProbabilities)).Append(nameof(GenerationOptions.Block)).Order();

        Assert.Equal(typeof(GenerationOptions).GetProperties().Select(property => property.Name).Order(), tested);
    }

    [Fact]
    public void Tokens_in_blocks_are_the_same_tokens_read_less_often()
    {
        using var model = Trained.HalfWay();

        var (one, readings) = Counted(1);
        var (usual, _) = Counted(null);
        var (eight, fewer) = Counted(8);

        Assert.Equal(one, usual);
        Assert.Equal(one, eight);
        Assert.True(fewer < readings / 4, $"{fewer} readings in place of {readings}");
        var wrong = Assert.Throws<ArgumentException>(() => model.Generate(Prompt, plain with { Block = 0 }));
        Assert.Contains("block is 0", wrong.Message, StringComparison.Ordinal);

        (string Text, long Readings) Counted(int? block)
        {
            // A prompt of one token: when the context is full, tokens come one by one.
            var before = Tensors.reads();
            var text = model.Generate("t", plain with { MaxNewTokens = 15, Temperature = 0.8, Block = block }).Text;
            return (text, Tensors.reads() - before);
        }
    }

    [Fact]
    public void A_stop_text_ends_the_text_before_it()
    {
        using var model = Trained.Model();

        var completion = model.Generate("to be or ", new() { Greedy = true, StopTexts = ["be"] });

        Assert.DoesNotContain("be", completion.Text);
        Assert.Equal(FinishReason.StopText, completion.FinishReason);
    }

    [Fact]
    public void An_end_token_ends_the_text_and_is_its_last()
    {
        using var model = Trained.Model();

        var completion = model.Generate("to be", new() { Greedy = true, EndTokens = [Id('n')] });

        Assert.Equal(FinishReason.EndToken, completion.FinishReason);
        Assert.Equal(Id('n'), completion.Tokens[^1]);
    }

    [Fact]
    public void A_pattern_holds_the_text_to_a_form()
    {
        using var model = Trained.Model();

        for (var seed = 0UL; seed < 20; seed++)
        {
            var completion = model.Generate("to be", new() { Pattern = "(to|be)( (not|or)){1,3}\n", Seed = seed });
            Assert.Matches("^(to|be)( (not|or)){1,3}\n$", completion.Text);
            Assert.Equal(FinishReason.Complete, completion.FinishReason);
        }
    }

    [Fact]
    public void The_defaults_are_what_is_documented()
    {
        var options = new GenerationOptions();

        Assert.Equal(128, options.MaxNewTokens);
        Assert.Equal(ProcessorOrder.HuggingFace, options.Order);
        var off = typeof(GenerationOptions).GetProperties()
            .Where(property => property.Name is not (nameof(options.MaxNewTokens) or nameof(options.Order)))
            .Where(property => property.GetValue(options) is not (null or false or 0 or System.Collections.ICollection { Count: 0 } or string[] { Length: 0 }))
            .Select(property => property.Name);
        Assert.Empty(off);
    }
}
