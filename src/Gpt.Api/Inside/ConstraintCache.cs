using Microsoft.FSharp.Core;

namespace Gpt.Api;

/// <summary>
/// The constraints that were asked for last, compiled for a tokenizer: one takes a moment to compile, and threads may share it.
/// </summary>
internal sealed class ConstraintCache(Tokenizer tokenizer)
{
    /// <summary>How many are kept: as many forms as a program uses in turn.</summary>
    private const int Kept = 16;

    private readonly Lazy<Core.Vocabulary> vocabulary = new(() => Core.VocabularyModule.ofTokenizer(tokenizer.Core));
    private readonly LinkedList<(string Key, FSharpResult<Core.Constraint, string> Value)> known = new();

    internal FSharpResult<Core.Constraint, string> Regex(string pattern, List<int> ends) =>
        Find('r', pattern, ends, list => Core.ConstraintModule.regex(vocabulary.Value, list, pattern));

    internal FSharpResult<Core.Constraint, string> JsonSchema(string schema, List<int> ends) =>
        Find('j', schema, ends, list => Core.ConstraintModule.jsonSchema(vocabulary.Value, list, schema));

    private FSharpResult<Core.Constraint, string> Find(
        char kind, string text, List<int> ends, Func<Microsoft.FSharp.Collections.FSharpList<int>, FSharpResult<Core.Constraint, string>> compile)
    {
        var key = $"{kind}{string.Join(',', ends)}:{text}";
        lock (known)
        {
            for (var node = known.First; node is not null; node = node.Next)
            {
                if (node.Value.Key != key)
                    continue;
                known.Remove(node);
                known.AddFirst(node);
                return node.Value.Value;
            }
        }
        var value = compile(FSharp.List(ends));
        lock (known)
        {
            known.AddFirst((key, value));
            while (known.Count > Kept)
                known.RemoveLast();
        }
        return value;
    }
}
