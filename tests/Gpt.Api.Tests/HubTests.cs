using System.Net;
using System.Security.Cryptography;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>Models by name, from a Hub of the tests' own.</summary>
public sealed class HubTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TempFolder folder = new();
    private readonly Dictionary<string, string?> before = [];

    public HubTests()
    {
        foreach (var name in (string[])["HF_ENDPOINT", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_TOKEN_PATH"])
            before[name] = Environment.GetEnvironmentVariable(name);
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", folder.File("cache"));
        Environment.SetEnvironmentVariable("HF_TOKEN_PATH", folder.File("none"));
        Environment.SetEnvironmentVariable("HF_TOKEN", null);
        Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", null);
    }

    [Fact]
    public async Task A_model_is_downloaded_once_and_then_found_without_a_network()
    {
        using var model = Tiny.Model();
        model.Save(folder.File("served"));
        using var server = new Server(folder.File("served"));
        var progress = new Received();

        using (var loaded = await GptModel.LoadPretrainedAsync("someone/tiny", progress: progress))
        {
            Assert.Equal(model.Generate("to be", Tiny.Short).Text, loaded.Generate("to be", Tiny.Short).Text);
            Assert.Equal("someone/tiny", loaded.Name);
        }
        var weights = progress.Where(report => report.File == "model.safetensors").ToList();
        Assert.Equal(new FileInfo(folder.File("served/model.safetensors")).Length, weights[^1].ReceivedBytes);
        Assert.Equal(weights[^1].ReceivedBytes, weights[^1].TotalBytes);

        Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", "1");
        using var cached = await GptModel.LoadPretrainedAsync("someone/tiny");
        Assert.Equal(model.ParameterCount, cached.ParameterCount);
    }

    [Fact]
    public async Task What_the_Hub_does_not_have_is_an_IOException()
    {
        Directory.CreateDirectory(folder.File("served"));
        using var server = new Server(folder.File("served"));

        var mistake = await Assert.ThrowsAsync<IOException>(() => GptModel.LoadPretrainedAsync("someone/nothing"));

        Assert.Contains("someone/nothing", mistake.Message);
        Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", "1");
        Assert.Contains("HF_HUB_OFFLINE", (await Assert.ThrowsAsync<IOException>(() => GptModel.LoadPretrainedAsync("someone/nothing"))).Message);
    }

    [Fact]
    public async Task A_download_from_a_silent_server_is_cancelled_at_once()
    {
        using var silence = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        silence.Start();
        Environment.SetEnvironmentVariable("HF_ENDPOINT", $"http://127.0.0.1:{((IPEndPoint)silence.LocalEndpoint).Port}");
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        var clock = System.Diagnostics.Stopwatch.StartNew();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            GptModel.LoadPretrainedAsync("someone/tiny", cancellationToken: source.Token));

        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    public void Dispose()
    {
        foreach (var (name, value) in before)
            Environment.SetEnvironmentVariable(name, value);
        folder.Dispose();
    }

    private sealed class Received : List<DownloadProgress>, IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => Add(value);
    }

    /// <summary>Serves the files of a folder as the Hub does: with a commit, a hash and a length.</summary>
    private sealed class Server : IDisposable
    {
        private readonly HttpListener listener = new();
        private readonly string folder;

        internal Server(string folder)
        {
            this.folder = folder;
            using (var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                var address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/";
                listener.Prefixes.Add(address);
                Environment.SetEnvironmentVariable("HF_ENDPOINT", address);
            }
            listener.Start();
            _ = Serve();
        }

        public void Dispose() => listener.Close();

        private async Task Serve()
        {
            while (listener.IsListening)
            {
                try
                {
                    Answer(await listener.GetContextAsync());
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
            }
        }

        private void Answer(HttpListenerContext context)
        {
            var file = Path.Combine(folder, Path.GetFileName(context.Request.Url!.AbsolutePath));
            using var response = context.Response;
            response.Headers["X-Repo-Commit"] = Commit;
            if (!File.Exists(file))
            {
                response.Headers["X-Error-Code"] = "EntryNotFound";
                response.StatusCode = 404;
                return;
            }
            var bytes = File.ReadAllBytes(file);
            response.Headers["ETag"] = $"\"{System.Convert.ToHexStringLower(SHA256.HashData(bytes))}\"";
            response.ContentLength64 = bytes.Length;
            if (context.Request.HttpMethod == "GET")
                response.OutputStream.Write(bytes);
        }
    }
}
