using Gpt.Api;
using Microsoft.Extensions.AI;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>A model as a service.</summary>
public static class GptServiceCollectionExtensions
{
    /// <summary>
    /// Adds one <see cref="GptModel"/>, loaded from a folder when it is first asked for and disposed with the container, and an
    /// <see cref="IChatClient"/> of it.
    /// </summary>
    /// <param name="services">Where to add them.</param>
    /// <param name="path">The folder; see <see cref="GptModel.Load"/>.</param>
    /// <param name="options">How the chat client works; null is the defaults.</param>
    /// <exception cref="ArgumentException"><paramref name="services"/> is null, or the path is null or empty.</exception>
    public static IServiceCollection AddGpt(this IServiceCollection services, string path, GptChatOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return services.AddGpt(_ => GptModel.Load(path), options);
    }

    /// <summary>The same with a model of the caller's making: trained, downloaded, or on another device.</summary>
    /// <param name="services">Where to add them.</param>
    /// <param name="model">Makes the model when it is first asked for; the container disposes it.</param>
    /// <param name="options">How the chat client works; null is the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="model"/> is null.</exception>
    public static IServiceCollection AddGpt(
        this IServiceCollection services, Func<IServiceProvider, GptModel> model, GptChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(model);
        return services
            .AddSingleton(model)
            .AddSingleton<IChatClient>(provider => new GptChatClient(provider.GetRequiredService<GptModel>(), options));
    }
}
