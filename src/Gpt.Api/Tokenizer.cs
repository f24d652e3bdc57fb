using Microsoft.FSharp.Collections;

namespace Gpt.Api;

/// <summary>
/// How text becomes tokens and back. It never changes; any number of threads may use it at once.
/// <code>
/// var tokenizer = Tokenizer.FromText("to be or not to be");
/// int[] ids = tokenizer.Encode("not to be");
/// string text = tokenizer.Decode(ids);
/// </code>
/// </summary>
public sealed class Tokenizer
{
    internal Tokenizer(Core.Tokenizer core) => Core = core;

    internal Core.Tokenizer Core { get; }

    /// <summary>The number of different tokens.</summary>
    public int VocabSize => Gpt.TokenizerModule.vocabSize(Core);

    /// <summary>The id of the token that ends a document, <c>&lt;|endoftext|&gt;</c>; null if the vocabulary has none.</summary>
    public int? EndOfText => FSharp.Nullable(Gpt.TokenizerModule.endOfText(Core));

    /// <summary>
    /// The tokenizer of a folder: of its <c>tokenizer.json</c>, of <c>vocab.json</c> with <c>merges.txt</c>, or of its one file
    /// that ends in <c>.tiktoken</c>.
    /// </summary>
    /// <param name="folder">A checkpoint folder, a Hugging Face GPT-2 folder, or one with a tokenizer alone.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is empty or null.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It holds no tokenizer, or one that cannot be read; the message names the file.</exception>
    public static Tokenizer Load(string folder)
    {
        Require.Folder(folder);
        return new(Gpt.TokenizerFiles.read(folder).OrThrow(Require.BadData));
    }

    /// <summary>The tokenizer of the distinct characters of a text: one token a character, in code point order.</summary>
    /// <exception cref="ArgumentException"><paramref name="text"/> is empty or null.</exception>
    public static Tokenizer FromText(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return new(Gpt.Tokenizer.NewCharacters(Gpt.CharTokenizerModule.ofText(text)));
    }

    /// <summary>Trains a byte-level BPE, the tokenizer of GPT-2, on a text. It can encode any text.</summary>
    /// <param name="text">The text that teaches; not empty.</param>
    /// <param name="vocabSize">The number of tokens, at least 257: the bytes and <c>&lt;|endoftext|&gt;</c>. Fewer come out when no pair
    /// of tokens stands twice in the text.</param>
    /// <exception cref="ArgumentException">The text is empty or null, or <paramref name="vocabSize"/> is too small.</exception>
    public static Tokenizer TrainBpe(string text, int vocabSize = 1024)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        var defaults = Gpt.BpeTrainingModule.defaults;
        var training = new Gpt.BpeTraining(vocabSize, defaults.MinFrequency, defaults.SpecialTokens);
        return new(Gpt.Tokenizer.NewBpe(FSharp.Naming(nameof(vocabSize), () => Gpt.BpeTrainingModule.train(training, [text]))));
    }

    /// <summary>The token ids of a text. An empty text has none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="specialTokens">Whether the text of a special token, such as <c>&lt;|endoftext|&gt;</c>, becomes that token; else it
    /// is text like any other, which is right for what a stranger typed.</param>
    /// <exception cref="ArgumentException">The text is null, or holds what the vocabulary does not have.</exception>
    public int[] Encode(string text, bool specialTokens = true) => Encode(text, specialTokens, nameof(text));

    internal int[] Encode(string text, bool specialTokens, string argument)
    {
        ArgumentNullException.ThrowIfNull(text, argument);
        var ids = specialTokens ? Gpt.TokenizerModule.encode(Core, text) : Gpt.TokenizerModule.encodePlain(Core, text);
        return ids.OrThrow(FSharp.Argument(argument));
    }

    /// <summary>The text of token ids, with U+FFFD for bytes that are no UTF-8.</summary>
    /// <param name="ids">Ids in 0 to <see cref="VocabSize"/> - 1.</param>
    /// <param name="specialTokens">Whether special tokens are written as their text; else they are left out.</param>
    /// <exception cref="ArgumentException"><paramref name="ids"/> is null or holds an id outside the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids, bool specialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return FSharp.Naming(nameof(ids), () =>
            specialTokens ? Gpt.TokenizerModule.decode(Core, ids) : Gpt.TokenizerModule.decodePlain(Core, ids));
    }

    /// <summary>How many tokens a text has.</summary>
    /// <exception cref="ArgumentException">The text is null, or holds what the vocabulary does not have.</exception>
    public int Count(string text) => Encode(text).Length;

    /// <summary>The text of one token, as it can be shown alone.</summary>
    internal string TextOf(int id) => Gpt.TokenizerModule.decode(Core, ListModule.Singleton(id));
}
