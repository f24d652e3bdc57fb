using System.Globalization;
using System.Runtime.Intrinsics;

namespace Gpt.Benchmarks.Comparison;

/// <summary>Measures <see cref="Work.All" /> in turns with the peers and prints the medians as a table in Markdown.</summary>
internal static class Table
{
    private sealed record Options(string? Peers, int Turns, string Only);

    private sealed record Figures(List<double> Ours, List<double> Theirs);

    /// <summary>The program's exit code: 0 done, 1 when something could not be measured, 2 for wrong arguments.</summary>
    public static int Print(string[] words)
    {
        if (Read(words, new(null, 5, "")) is not { } options)
            return 2;

        var works = Work.All.Where(work => Matches(work, options)).ToList();
        var figures = works.ConvertAll(_ => new Figures([], []));
        var failures = new HashSet<string>();
        for (var turn = 1; turn <= options.Turns; turn++)
        {
            for (var i = 0; i < works.Count; i++)
            {
                Console.Error.WriteLine($"turn {turn} of {options.Turns}: {works[i].Name}, {works[i].Peer}");
                Measure(() => Programs.Ours(works[i].Ours), figures[i].Ours, failures);
                if (options.Peers is { } root)
                    Measure(() => Programs.Theirs(root, works[i].Theirs), figures[i].Theirs, failures);
            }
        }

        Console.WriteLine(Heading(options));
        Console.WriteLine();
        Console.WriteLine("| work | `gpt` | embedded engine | peer | its figure | ratio |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var (work, found) in works.Zip(figures))
            Console.WriteLine(Line(work, found));
        foreach (var failure in failures)
            Console.Error.WriteLine(failure);
        return failures.Count == 0 ? 0 : 1;
    }

    private static bool Matches(Work work, Options options) =>
        $"{work.Name}, {work.Peer}".Contains(options.Only, StringComparison.OrdinalIgnoreCase);

    private static Options? Read(string[] words, Options options)
    {
        switch (words)
        {
            case []:
                return options;
            case ["--peers", var folder, .. var rest] when Directory.Exists(Path.Combine(folder, "peers")):
                return Read(rest, options with { Peers = Path.GetFullPath(folder) });
            case ["--peers", var folder, ..]:
                Console.Error.WriteLine($"--peers {folder}: no file system with a folder peers is there");
                return null;
            case ["--turns", var count, .. var rest] when int.TryParse(count, out var turns) && turns > 0:
                return Read(rest, options with { Turns = turns });
            case ["--only", var part, .. var rest]:
                return Read(rest, options with { Only = part });
            default:
                Console.Error.WriteLine($"{words[0]}: the options are --peers FOLDER, --turns N and --only WORDS; or name kernels");
                return null;
        }
    }

    private static void Measure(Func<double> run, List<double> figures, HashSet<string> failures)
    {
        try
        {
            figures.Add(run());
        }
        catch (InvalidOperationException e)
        {
            failures.Add(e.Message);
        }
    }

    private static string Heading(Options options)
    {
        var model = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim()
            : "unknown processor";
        var width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        return $"{DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores of {model}, vectors of {width} bits, "
            + $"medians of {options.Turns} turns";
    }

    private static string Line(Work work, Figures found)
    {
        var ratios = found.Ours.Zip(found.Theirs, work.Ratio).ToList();
        string[] cells =
        [
            work.Name, $"`{work.Ours.Command.Replace(" --json", "", StringComparison.Ordinal)}`", Show(work, found.Ours),
            work.Peer, Show(work, found.Theirs), ratios.Count == 0 ? "" : Number(Median(ratios)),
        ];
        return $"| {string.Join(" | ", cells)} |";
    }

    private static string Show(Work work, List<double> figures)
    {
        var unit = work.Unit switch
        {
            Unit.Milliseconds => "ms",
            Unit.Seconds => "s",
            _ => "tokens/s",
        };
        return figures.Count == 0 ? "" : $"{Number(Median(figures))} {unit}";
    }

    /// <summary>Three digits at least, and none behind the point from a hundred on.</summary>
    private static string Number(double value) =>
        value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "#,0", CultureInfo.InvariantCulture);

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
