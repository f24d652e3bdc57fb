using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gpt.Api.Tests;

public sealed class ServicesTests
{
    [Fact]
    public async Task A_model_and_its_chat_client_are_services()
    {
        using var folder = new TempFolder();
        using (var model = Trained.Model())
            model.Save(folder.Path);
        using var services = new ServiceCollection()
            .AddGpt(folder.Path, new() { Generation = new() { MaxNewTokens = 5, Greedy = true } })
            .BuildServiceProvider();

        var answer = await services.GetRequiredService<IChatClient>().GetResponseAsync("to be");

        Assert.Equal(5, answer.Text.Length);
        Assert.Same(services.GetRequiredService<GptModel>(), services.GetRequiredService<GptModel>());
    }

    [Fact]
    public void The_container_disposes_the_model()
    {
        var services = new ServiceCollection().AddGpt(_ => Trained.Model()).BuildServiceProvider();
        var model = services.GetRequiredService<GptModel>();

        services.Dispose();

        Assert.Throws<ObjectDisposedException>(() => model.Generate("to be"));
    }

    [Fact]
    public void Nothing_is_loaded_before_it_is_asked_for()
    {
        using var services = new ServiceCollection().AddGpt("nowhere").BuildServiceProvider();

        Assert.Throws<DirectoryNotFoundException>(services.GetRequiredService<GptModel>);
    }
}
