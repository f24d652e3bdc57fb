namespace Gpt.Api;

/// <summary>How far a download from the Hugging Face Hub has come.</summary>
/// <param name="File">The file's name in the repository; empty while nothing is received and <paramref name="Waiting"/> says why.</param>
/// <param name="ReceivedBytes">How much of it is here.</param>
/// <param name="TotalBytes">Its size, where the server has told it.</param>
/// <param name="Waiting">Why nothing is received for now: a server that asked for patience, or another process at the same file; else null.</param>
public sealed record DownloadProgress(string File, long ReceivedBytes, long? TotalBytes, string? Waiting);
