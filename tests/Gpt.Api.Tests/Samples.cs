using System.Diagnostics;

namespace Gpt.Api.Tests;

/// <summary>Where the repository is, and how its samples are run.</summary>
internal static class Samples
{
    /// <summary>The root of the repository.</summary>
    internal static string Root { get; } = Above(AppContext.BaseDirectory);

    /// <summary>Starts a sample that was built like these tests, in a folder.</summary>
    internal static Process Start(string name, string folder, params string[] arguments)
    {
        var own = Path.Combine(Root, "tests", "Gpt.Api.Tests");
        var built = Path.GetRelativePath(own, AppContext.BaseDirectory);
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Root, "samples", "CSharp", name, built, name + ".dll"), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    private static string Above(string folder) =>
        File.Exists(Path.Combine(folder, "paket.dependencies")) ? folder : Above(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder))!);
}
