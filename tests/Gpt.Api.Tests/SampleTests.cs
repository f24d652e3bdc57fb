using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>The samples run, and README shows them as they are.</summary>
public sealed class SampleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hello_prints_the_models_text()
    {
        using var folder = new TempFolder();
        using var model = Saved(folder.File("runs/shakespeare"));

        using var hello = Samples.Start("Hello", folder.Path);
        var printed = await hello.StandardOutput.ReadToEndAsync(Cancellation);
        await hello.WaitForExitAsync(Cancellation);

        Assert.Equal("", await hello.StandardError.ReadToEndAsync(Cancellation));
        Assert.Equal(0, hello.ExitCode);
        var options = new GenerationOptions { Temperature = 0.8, TopK = 40, Seed = 1 };
        Assert.Equal("HAMLET:" + model.Generate("HAMLET:", options).Text + Environment.NewLine, printed);
    }

    [Fact]
    public void Hello_is_five_lines_at_most_and_README_shows_them()
    {
        var hello = File.ReadAllText(Path.Combine(Samples.Root, "samples", "CSharp", "Hello", "Program.cs"));
        var readme = File.ReadAllText(Path.Combine(Samples.Root, "README.md"));

        Assert.True(hello.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length <= 5);
        Assert.Contains($"```csharp\n{hello}```", readme);
    }

    [Fact]
    public async Task The_web_endpoint_streams_the_models_text_by_server_sent_events()
    {
        using var folder = new TempFolder();
        using var model = Saved(folder.File("model"));
        using var web = Samples.Start("Web", folder.Path, "--Model", folder.File("model"), "--urls", "http://127.0.0.1:0");
        try
        {
            using var client = new HttpClient { BaseAddress = new(await AddressOf(web)), Timeout = TimeSpan.FromMinutes(1) };

            using var answer = await client.GetAsync("generate?prompt=HAMLET:&tokens=20&seed=1", Cancellation);
            var events = await answer.Content.ReadAsStringAsync(Cancellation);

            Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
            var options = new GenerationOptions { MaxNewTokens = 20, Temperature = 0.8, Seed = 1 };
            Assert.Equal(model.Generate("HAMLET:", options).Text, TextOf(events));
            Assert.Equal(20, Regex.Count(events, "(?m)^\r?\n"));

            using var mistake = await client.GetAsync("generate?prompt=", Cancellation);
            Assert.Equal(HttpStatusCode.BadRequest, mistake.StatusCode);
            Assert.Contains("prompt", await mistake.Content.ReadAsStringAsync(Cancellation));
        }
        finally
        {
            web.Kill();
        }
    }

    /// <summary>A model whose letters are those of the samples' prompt; no line breaks, which an event is split at.</summary>
    internal static GptModel Saved(string folder)
    {
        var tokenizer = Tokenizer.FromText("HAMLET:tobrnq");
        var model = GptModel.Create(Tiny.Config with { VocabSize = tokenizer.VocabSize }, tokenizer, seed: 1);
        model.Save(folder);
        return model;
    }

    private static string TextOf(string events) =>
        string.Concat(Regex.Matches(events, "(?m)^data: (.*?)\r?$").Select(match => match.Groups[1].Value));

    private static async Task<string> AddressOf(System.Diagnostics.Process web)
    {
        var said = "";
        while (await web.StandardOutput.ReadLineAsync(Cancellation) is { } line)
        {
            said += line + "\n";
            if (Regex.Match(line, "Now listening on: (\\S+)") is { Success: true } match)
                return match.Groups[1].Value;
        }
        throw new InvalidOperationException($"The web sample ended: {said}{await web.StandardError.ReadToEndAsync(Cancellation)}");
    }
}
