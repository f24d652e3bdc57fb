using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>The first C# of README and all C# of the package's README are programs as they stand: a project around each and nothing else.</summary>
public sealed class ReadmeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A project as `dotnet new console` makes one, with a reference to this build of the facade.</summary>
    private static string Project => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <ImplicitUsings>enable</ImplicitUsings>
            <Nullable>enable</Nullable>
            <UseAppHost>false</UseAppHost>
            <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
          </PropertyGroup>
          <ItemGroup>
            <Reference Include="{Path.Combine(AppContext.BaseDirectory, "Gpt.Api.dll")}" />
          </ItemGroup>
        </Project>
        """;

    [Fact]
    public async Task The_first_block_of_CSharp_compiles_and_prints_the_models_text()
    {
        using var folder = new TempFolder();
        using var model = SampleTests.Saved(folder.File("runs/shakespeare"));

        var printed = await Run(folder, Blocks("README.md")[0]);

        var options = new GenerationOptions { Temperature = 0.8, TopK = 40, Seed = 1 };
        Assert.Equal("HAMLET:" + model.Generate("HAMLET:", options).Text + Environment.NewLine, printed);
    }

    [Fact]
    public async Task The_package_shows_the_same_block_and_one_that_trains_and_keeps_what_was_learned()
    {
        var blocks = Blocks("src/Gpt.Api/README.md");
        Assert.Equal(2, blocks.Length);
        Assert.Equal(Blocks("README.md")[0], blocks[0]);
        Assert.Contains("Steps = 500", blocks[1]);
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("my.txt"), Tiny.Verse);

        await Run(folder, blocks[1].Replace("Steps = 500", "Steps = 5, EvaluateEvery = 5, EvaluationBatches = 1"));

        using var saved = GptModel.Load(folder.File("runs/mine"));
        using var fresh = GptModel.Create(saved.Config, saved.Tokenizer, seed: 1);
        Assert.True(saved.Score(Tiny.Verse).Perplexity < fresh.Score(Tiny.Verse).Perplexity);
    }

    private static string[] Blocks(string readme)
    {
        var text = File.ReadAllText(Path.Combine(Samples.Root, readme)).ReplaceLineEndings("\n");
        return [.. Regex.Matches(text, "```csharp\n(.*?)```", RegexOptions.Singleline).Select(match => match.Groups[1].Value)];
    }

    /// <summary>Compiles and runs a program in a folder; what it prints.</summary>
    private static async Task<string> Run(TempFolder folder, string code)
    {
        File.WriteAllText(folder.File("Hello.csproj"), Project);
        File.WriteAllText(folder.File("Program.cs"), code);

        var start = new ProcessStartInfo("dotnet", ["run", "--project", "Hello.csproj"])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The reference's engine is settled, and no variable of this test's host is for that build.
        foreach (var name in new[] { "Torch", "MSBuildSDKsPath", "MSBuildExtensionsPath", "MSBUILD_EXE_PATH" })
            start.Environment.Remove(name);
        using var run = Process.Start(start)!;
        var error = run.StandardError.ReadToEndAsync(Cancellation);
        var printed = await run.StandardOutput.ReadToEndAsync(Cancellation);
        await run.WaitForExitAsync(Cancellation);

        Assert.True(run.ExitCode == 0, printed + await error);
        return printed;
    }
}
