using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace Gpt.Api;

/// <summary>F#'s options, lists and results as C# has them, and back.</summary>
internal static class FSharp
{
    internal static FSharpList<T> List<T>(IEnumerable<T> items) => ListModule.OfSeq(items);

    internal static FSharpOption<T> Option<T>(T? value) where T : struct =>
        value is { } given ? FSharpOption<T>.Some(given) : FSharpOption<T>.None;

    internal static T? Nullable<T>(FSharpOption<T>? option) where T : struct => option?.Value;

    /// <summary>The environment, as the library looks names up in it.</summary>
    internal static FSharpFunc<string, FSharpOption<string>?> Environment { get; } =
        FuncConvert.FromFunc<string, FSharpOption<string>?>(name =>
            System.Environment.GetEnvironmentVariable(name) is { } value ? FSharpOption<string>.Some(value) : null);

    /// <summary>What a result holds; its error, one sentence, is thrown as the exception that <paramref name="refuse"/> makes.</summary>
    internal static T OrThrow<T>(this FSharpResult<T, string> result, Func<string, Exception> refuse) =>
        result.IsOk ? result.ResultValue : throw refuse(result.ErrorValue);

    /// <summary>The library's sentence as an ArgumentException that names the caller's argument.</summary>
    internal static Func<string, Exception> Argument(string name) =>
        sentence => new ArgumentException($"{name}: {sentence}", name);

    /// <summary>
    /// Runs library code whose ArgumentException may name an argument that the caller never saw: it comes as one that names
    /// <paramref name="name"/>.
    /// </summary>
    internal static T Naming<T>(string name, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ArgumentException e) when (e.ParamName != name)
        {
            throw new ArgumentException($"{name}: {e.Message.Split(" (Parameter", 2)[0]}", name, e);
        }
    }
}
