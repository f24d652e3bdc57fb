using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Gpt.Benchmarks.Comparison;

/// <summary>Runs <c>gpt</c> and its peers and reads a figure from what they print.</summary>
internal static class Programs
{
    /// <summary>The tool of the same engine: src/Gpt.Cli where this program's path has tests/Gpt.Benchmarks.</summary>
    private static readonly string Tool = Path.Combine(
        AppContext.BaseDirectory.Replace(
            Path.Combine("tests", "Gpt.Benchmarks"), Path.Combine("src", "Gpt.Cli"), StringComparison.Ordinal),
        "Gpt.Cli.dll");

    /// <summary>Runs <c>gpt</c> in a folder of its own, which is deleted.</summary>
    /// <exception cref="InvalidOperationException">It fails; the message is what it says.</exception>
    public static double Ours(Run run)
    {
        var folder = Directory.CreateTempSubdirectory("gpt-bench");
        try
        {
            return Figure(run, new ProcessStartInfo("dotnet", [Tool, .. run.Command.Split(' ')])
            {
                WorkingDirectory = folder.FullName,
            });
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Runs a command with <paramref name="root" /> as the root of the file system.</summary>
    /// <remarks>
    /// On as many threads as this machine has cores, which park instead of spinning: on a shared machine PyTorch is
    /// faster so.
    /// </remarks>
    /// <exception cref="InvalidOperationException">It fails; the message is what it says.</exception>
    public static double Theirs(string root, Run run)
    {
        foreach (var folder in new[] { "proc", "sys", "dev" })
            if (!Directory.EnumerateFileSystemEntries(Path.Combine(root, folder)).Any())
                Process.Start("mount", ["--bind", $"/{folder}", Path.Combine(root, folder)]).WaitForExit();

        string[] settings =
            [$"OMP_NUM_THREADS={Environment.ProcessorCount}", "OMP_WAIT_POLICY=passive", "GOMP_SPINCOUNT=0"];
        return Figure(run, new ProcessStartInfo("chroot", [root, "env", .. settings, .. run.Command.Split(' ')]));
    }

    private static double Figure(Run run, ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        var watch = Stopwatch.StartNew();
        using var child = Process.Start(start)!;
        var error = child.StandardError.ReadToEndAsync();
        var output = child.StandardOutput.ReadToEndAsync();
        // The one program that peers have to be handed.
        using (var script = typeof(Programs).Assembly.GetManifestResourceStream("gpt2_step.py")!)
            if (run.Command.Contains(" - ", StringComparison.Ordinal))
                script.CopyTo(child.StandardInput.BaseStream);
        child.StandardInput.Close();
        child.WaitForExit();
        if (child.ExitCode != 0)
            throw new InvalidOperationException($"{run.Command}: {error.Result.Trim().Split('\n')[^1]}");

        if (run.Figure == "")
            return watch.Elapsed.TotalSeconds;
        var json = JsonNode.Parse(output.Result);
        return (json is JsonArray list ? list[^1] : json)![run.Figure]!.GetValue<double>();
    }
}
