namespace Gpt.Api;

/// <summary>What every caller's mistake is answered with.</summary>
internal static class Require
{
    /// <summary>A path of a folder that is there.</summary>
    internal static void Folder(string folder, string argument = "folder")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder, argument);
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{argument}: there is no folder {folder}");
    }

    internal static Exception BadData(string sentence) => new InvalidDataException(sentence);

    internal static void AtLeast(int least, int value, string argument)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(argument, value, $"{argument} is {value}; it must be at least {least}");
    }
}
