using Gpt.Api;

using var model = GptModel.Load("runs/shakespeare");
var options = new GenerationOptions { Temperature = 0.8, TopK = 40, Seed = 1 };
Console.WriteLine("HAMLET:" + model.Generate("HAMLET:", options).Text);
