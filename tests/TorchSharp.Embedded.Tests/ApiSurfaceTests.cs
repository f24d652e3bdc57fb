using Xunit;

namespace TorchSharp.Tests;

/// <summary>
/// Whatever compiles against the embedded engine must compile against TorchSharp 0.107.0: each public or protected
/// member is a line of TorchSharp's public surface. The lines that are used ship with the tests; where the whole list
/// lies beside the repository, in <c>../shared/torchsharp</c>, they are held against it.
/// </summary>
public sealed class ApiSurfaceTests
{
    private const string WholeList = "shared/torchsharp/api-0.107.0.txt";

    [Fact]
    public void Every_member_is_TorchSharps()
    {
        var known = Lines(typeof(ApiSurfaceTests).Assembly.GetManifestResourceStream("torchsharp-api.txt")!).ToHashSet();
        Assert.Equal([], Surface().Where(line => !IsIn(known, line)).ToArray());
    }

    [Fact]
    public void The_shipped_lines_are_used_and_real()
    {
        var shipped = Lines(typeof(ApiSurfaceTests).Assembly.GetManifestResourceStream("torchsharp-api.txt")!).ToArray();
        var used = Surface().ToHashSet();
        Assert.Equal([], shipped.Where(line => !used.Contains(line) && !used.Contains(WithoutBase(line))).ToArray());
        if (Beside(WholeList) is not { } file)
        {
            Assert.Skip($"no {WholeList} beside the repository");
            return;
        }
        var whole = Lines(File.OpenRead(file)).ToHashSet();
        Assert.Equal([], shipped.Where(line => !whole.Contains(line)).ToArray());
    }

    [Fact]
    public void The_description_says_all_that_a_caller_sees()
    {
        string[] expected =
        [
            "static TorchSharp.torch.zeros(Int64[] size, Nullable<TorchSharp.torch.ScalarType> dtype = null, "
                + "TorchSharp.torch.Device device = null, Boolean requires_grad = false, String[] names = null) : TorchSharp.torch.Tensor",
            "TorchSharp.torch.Tensor.reshape(params Int64[] shape) : TorchSharp.torch.Tensor",
            "TorchSharp.torch.Tensor.grad { get; set; } : TorchSharp.torch.Tensor",
            "TorchSharp.torch.ScalarType.Bool = 11",
            "TorchSharp.torch.Device.new(TorchSharp.DeviceType deviceType, Int32 index = -1)",
        ];
        Assert.Equal([], expected.Except(Surface()).ToArray());
    }

    private static IEnumerable<string> Surface() => ApiDescription.Of(typeof(torch).Assembly);

    /// <summary>A class of ours may derive from nothing where TorchSharp's derives from something.</summary>
    private static bool IsIn(HashSet<string> known, string line) =>
        known.Contains(line)
        || (line.StartsWith("class ", StringComparison.Ordinal) && known.Any(k => k.StartsWith(line + " : ", StringComparison.Ordinal)));

    private static string WithoutBase(string line) =>
        line.StartsWith("class ", StringComparison.Ordinal) ? line.Split(" : ")[0] : line;

    private static string? Beside(string path)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "paket.dependencies")))
            folder = folder.Parent;
        var file = folder?.Parent is { } outside ? Path.Combine(outside.FullName, path) : null;
        return file is not null && File.Exists(file) ? file : null;
    }

    private static IEnumerable<string> Lines(Stream stream)
    {
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
                yield return line;
        }
    }
}
