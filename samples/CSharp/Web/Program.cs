// A model behind HTTP: GET /generate?prompt=HAMLET: answers with server-sent events, one a piece of text, as they are written.
// dotnet run --project samples/CSharp/Web -- --Model runs/shakespeare
using Gpt.Api;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGpt(builder.Configuration["Model"] ?? "runs/shakespeare");
var app = builder.Build();

app.MapGet("/generate", (string prompt, int? tokens, ulong? seed, GptModel model, CancellationToken cancellation) =>
{
    var options = new GenerationOptions { MaxNewTokens = tokens ?? 128, Temperature = 0.8, Seed = seed };
    try
    {
        return TypedResults.ServerSentEvents(model.StreamAsync(prompt, options, cancellation).Select(token => token.Text));
    }
    catch (ArgumentException mistake)
    {
        return (IResult)TypedResults.BadRequest(mistake.Message);
    }
});

app.Run();
