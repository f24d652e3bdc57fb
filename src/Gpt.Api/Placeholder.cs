namespace Gpt.Api;
