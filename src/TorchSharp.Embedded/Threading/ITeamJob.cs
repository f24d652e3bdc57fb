namespace TorchSharp.Threading;

/// <summary>
/// Work that several threads do together, meeting between its phases: see <see cref="WorkerPool.Together"/>. A struct that holds pointers
/// and sizes: all members run on the same copy. When one throws, the others go on without waiting for anybody, and what they then
/// write is worth nothing.
/// </summary>
internal interface ITeamJob
{
    /// <summary>Does one member's share.</summary>
    void Run(Team team);
}

/// <summary>One member of a team, 0 to Members - 1.</summary>
internal struct Team(int member, int members)
{
    private int due;

    internal readonly int Member => member;

    internal readonly int Members => members;

    /// <summary>Waits until every member is here: what each has written before, all see after.</summary>
    internal void Meet()
    {
        if (members == 1)
            return;
        due += members;
        WorkerPool.Meet(due);
    }

    /// <summary>Where the member's share of [0, length) begins and ends, cut at multiples of unit.</summary>
    internal readonly (long Start, long End) Share(long length, long unit)
    {
        var units = (length + unit - 1) / unit;
        return (Math.Min(length, units * member / members * unit), Math.Min(length, units * (member + 1) / members * unit));
    }
}
