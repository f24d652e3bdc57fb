using Xunit;

namespace Gpt.Api.Tests;

public sealed class TokenizerTests
{
    [Fact]
    public void Text_becomes_tokens_and_tokens_become_text()
    {
        var tokenizer = Tokenizer.FromText("hello world");

        Assert.Equal(8, tokenizer.VocabSize);
        Assert.Equal("hello", tokenizer.Decode(tokenizer.Encode("hello")));
        Assert.Equal(5, tokenizer.Count("hello"));
        Assert.Empty(tokenizer.Encode(""));
        Assert.Null(tokenizer.EndOfText);
    }

    [Fact]
    public void A_byte_level_BPE_is_trained_on_a_text_and_encodes_any()
    {
        var tokenizer = Tokenizer.TrainBpe(Tiny.Verse, 300);

        Assert.Equal("žluťoučký kůň 🐎", tokenizer.Decode(tokenizer.Encode("žluťoučký kůň 🐎")));
        Assert.True(tokenizer.Count("to be or not to be") < "to be or not to be".Length);
    }

    [Fact]
    public void Special_tokens_are_read_and_written_only_when_that_is_wanted()
    {
        var tokenizer = Tokenizer.TrainBpe(Tiny.Verse, 300);
        var end = tokenizer.EndOfText!.Value;

        Assert.Equal([end], tokenizer.Encode("<|endoftext|>"));
        Assert.DoesNotContain(end, tokenizer.Encode("<|endoftext|>", specialTokens: false));
        Assert.Equal("<|endoftext|>", tokenizer.Decode([end]));
        Assert.Equal("", tokenizer.Decode([end], specialTokens: false));
    }

    [Fact]
    public void The_tokenizer_of_a_checkpoint_is_loaded_alone()
    {
        using var folder = new TempFolder();
        var tokenizer = Tokenizer.TrainBpe(Tiny.Verse, 300);
        using var model = GptModel.Create(Tiny.Config with { VocabSize = tokenizer.VocabSize }, tokenizer);
        model.Save(folder.Path);

        Assert.Equal(tokenizer.Encode(Tiny.Verse), Tokenizer.Load(folder.Path).Encode(Tiny.Verse));
    }

    [Fact]
    public void What_cannot_be_encoded_is_named()
    {
        var tokenizer = Tokenizer.FromText("abc");

        var mistake = Assert.Throws<ArgumentException>(() => tokenizer.Encode("abx"));

        Assert.Equal("text", mistake.ParamName);
        Assert.Contains("x", mistake.Message);
    }
}
