using System.Diagnostics;
using System.Text.RegularExpressions;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>README's first C# is a program as it stands: a project around it and nothing else.</summary>
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
        var readme = File.ReadAllText(Path.Combine(Samples.Root, "README.md")).ReplaceLineEndings("\n");
        var code = Regex.Match(readme, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        using var folder = new TempFolder();
        using var model = SampleTests.Saved(folder.File("runs/shakespeare"));
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
        var options = new GenerationOptions { Temperature = 0.8, TopK = 40, Seed = 1 };
        Assert.Equal("HAMLET:" + model.Generate("HAMLET:", options).Text + Environment.NewLine, printed);
    }
}
