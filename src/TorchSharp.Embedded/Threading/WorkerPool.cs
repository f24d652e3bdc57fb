using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Threading;

/// <summary>
/// The one worker pool: fork and join over an index range, on threads that stay.
/// </summary>
/// <remarks>
/// <para>A call cuts [0, count) into parts; the cut depends on count, grain and <see cref="Threads"/> only, never on which thread
/// happens to be free, so that a reduction by part gives the same bits on every run. The caller runs part 0, worker i part i; a
/// caller that is done first takes the parts whose worker has not woken yet, so a sleeping worker costs no waiting.</para>
/// <para>A worker spins for <see cref="SpinMicroseconds"/> after its last part (kernels come one after another in a training step) and
/// then parks on an event. A call from inside a part, or while another thread uses the pool, runs the same parts in order on the
/// calling thread. No call allocates managed memory, except the first that needs a further thread.</para>
/// <para>Left out: work stealing inside a part, priorities, several calls at once.</para>
/// </remarks>
internal static unsafe class WorkerPool
{
    private const int SpinMicroseconds = 100;

    /// <summary>Looks at the meeting, about 100 microseconds, before a member gives up its processor.</summary>
    private const int SpinsToYield = 4000;

    /// <summary>128 bytes of padding on both sides of a number give it a cache line of its own.</summary>
    private const int Middle = 32;

    private static volatile int threads = DefaultThreads();
    private static Worker[] workers = [];

    // The call under way. Written by its caller before the tickets are opened, read by whoever has claimed a ticket.
    private static int busy;
    private static delegate*<void*, long, long, void> run;
    private static void* argument;
    private static long total;
    private static int parts;
    private static Exception? failure;
    private static int pending;
    private static int callerParked;
    private static readonly AutoResetEvent Finished = new(false);

    /// <summary>How many have come to the meeting since the fork, on a cache line of its own.</summary>
    private static readonly int[] Meeting = new int[2 * Middle];

    [ThreadStatic]
    private static bool inside;

    /// <summary>
    /// How many threads a call uses at most, the caller among them; 1 or more. At first the environment variable GPT_NUM_THREADS, or
    /// the number of processors.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    internal static int Threads
    {
        get => threads;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            threads = value;
        }
    }

    /// <summary>How many parts <see cref="For"/> cuts the range into.</summary>
    internal static int Parts(long count, long grain) => (int)Math.Clamp(count / Math.Max(grain, 1), 1, threads);

    /// <summary>
    /// Runs the job over [0, count): at most <see cref="Threads"/> contiguous ranges of at least grain indices (one range when count
    /// is less), each index in exactly one. Returns when all are done.
    /// </summary>
    /// <remarks>The first exception that a part throws comes back here, after all parts have ended.</remarks>
    internal static void For<TJob>(long count, long grain, ref TJob job)
        where TJob : struct, IRangeJob
    {
        if (count <= 0)
            return;
        var n = Parts(count, grain);
        if (n == 1)
            job.Run(0, count);
        else if (inside || Interlocked.CompareExchange(ref busy, 1, 0) != 0)
            for (var i = 0; i < n; i++)
                job.Run(Start(count, n, i), Start(count, n, i + 1));
        else
            fixed (byte* pinned = &Unsafe.As<TJob, byte>(ref job))
                Fork(count, n, &Call<TJob>, pinned);
    }

    /// <summary>
    /// Runs the job once on each of at most so many threads, all at the same time, so that they can meet (<see cref="Team.Meet"/>): one
    /// fork for a chain of short phases. On the calling thread alone from inside a part or while another thread uses the pool. Never
    /// more members than processors, which would wait for each other's turn.
    /// </summary>
    /// <remarks>The first exception that a member throws comes back here; the others are not waited for at meetings any more.</remarks>
    internal static void Together<TJob>(int most, ref TJob job)
        where TJob : struct, ITeamJob
    {
        var n = Math.Min(Math.Min(most, threads), Environment.ProcessorCount);
        if (n <= 1 || inside || Interlocked.CompareExchange(ref busy, 1, 0) != 0)
        {
            job.Run(new Team(0, 1));
            return;
        }
        Volatile.Write(ref Meeting[Middle], 0);
        fixed (byte* pinned = &Unsafe.As<TJob, byte>(ref job))
            Fork(n, n, &CallMember<TJob>, pinned, together: true);
    }

    /// <summary>Comes to the meeting and waits until so many have come to it since the fork.</summary>
    internal static void Meet(int due)
    {
        if (Interlocked.Increment(ref Meeting[Middle]) >= due)
            return;
        for (var spins = 0; Volatile.Read(ref Meeting[Middle]) < due; spins++)
        {
            if (spins < SpinsToYield)
                Pause();
            else
                Thread.Yield(); // somebody's thread may have no processor
        }
    }

    /// <summary>One pause instruction: shorter than the shortest wait of the runtime.</summary>
    private static void Pause()
    {
        if (X86Base.IsSupported)
            X86Base.Pause();
        else if (ArmBase.IsSupported)
            ArmBase.Yield();
    }

    /// <summary>Where part i of n begins; the first count % n parts are one longer.</summary>
    private static long Start(long count, int n, int i) => (count / n * i) + Math.Min(i, count % n);

    private static void Call<TJob>(void* job, long start, long end)
        where TJob : struct, IRangeJob => Unsafe.AsRef<TJob>(job).Run(start, end);

    private static void CallMember<TJob>(void* job, long start, long end)
        where TJob : struct, ITeamJob => Unsafe.AsRef<TJob>(job).Run(new Team((int)start, parts));

    private static void Fork(long count, int n, delegate*<void*, long, long, void> function, void* job, bool together = false)
    {
        Exception? error;
        inside = true;
        try
        {
            run = function;
            argument = job;
            (total, parts, failure) = (count, n, null);
            Volatile.Write(ref pending, n - 1);
            if (workers.Length < n - 1)
                Hire(n - 1);
            var team = workers;
            for (var i = 0; i < n - 1; i++)
                team[i].Open();
            RunPart(0);
            for (var i = 0; i < n - 1 && !together; i++)
            {
                if (!team[i].Claim())
                    continue;
                RunPart(i + 1);
                Interlocked.Decrement(ref pending);
            }
            AwaitWorkers();
        }
        finally
        {
            inside = false;
            (error, failure) = (failure, null);
            Volatile.Write(ref busy, 0);
        }
        if (error is not null)
            ExceptionDispatchInfo.Throw(error);
    }

    private static void RunPart(int i)
    {
        try
        {
            run(argument, Start(total, parts, i), Start(total, parts, i + 1));
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref failure, e, null);
            // Nobody may wait for one who will not come to a meeting any more.
            Volatile.Write(ref Meeting[Middle], int.MaxValue / 2);
        }
    }

    private static void AwaitWorkers()
    {
        while (!SpinUntilZero(ref pending))
        {
            Interlocked.Exchange(ref callerParked, 1);
            if (Volatile.Read(ref pending) != 0)
                Finished.WaitOne(); // may be a late signal of an earlier call: look again
            Volatile.Write(ref callerParked, 0);
        }
    }

    private static void Hire(int count)
    {
        var team = new Worker[count];
        workers.CopyTo(team, 0);
        for (var i = workers.Length; i < count; i++)
            team[i] = new Worker(i + 1);
        workers = team;
    }

    private static bool SpinUntilZero(ref int location)
    {
        if (Volatile.Read(ref location) == 0)
            return true;
        if (threads > Environment.ProcessorCount)
            return false; // whoever spins keeps a processor from the one it waits for
        var limit = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 1_000_000 * SpinMicroseconds);
        do
        {
            for (var i = 0; i < 16; i++)
            {
                if (Volatile.Read(ref location) == 0)
                    return true;
                Thread.SpinWait(1);
            }
        } while (Stopwatch.GetTimestamp() < limit);
        return false;
    }

    private static int DefaultThreads() =>
        int.TryParse(Environment.GetEnvironmentVariable("GPT_NUM_THREADS"), out var n) && n > 0 ? n : Environment.ProcessorCount;

    /// <summary>A thread and the ticket for its part of the call under way; whoever closes an open ticket runs the part.</summary>
    private sealed class Worker
    {
        private const int Opened = 0;
        private const int Closed = 1;
        private readonly int part;
        private readonly int[] line = new int[2 * Middle];
        private readonly AutoResetEvent wake = new(false);
        private int parked;

        internal Worker(int part)
        {
            this.part = part;
            line[Middle] = Closed;
            new Thread(Loop) { IsBackground = true, Name = $"TorchSharp worker {part}" }.UnsafeStart();
        }

        internal void Open()
        {
            Interlocked.Exchange(ref line[Middle], Opened);
            if (Volatile.Read(ref parked) != 0 && Interlocked.Exchange(ref parked, 0) != 0)
                wake.Set();
        }

        internal bool Claim() =>
            Volatile.Read(ref line[Middle]) == Opened
            && Interlocked.CompareExchange(ref line[Middle], Closed, Opened) == Opened;

        private void Loop()
        {
            inside = true;
            while (true)
            {
                if (SpinUntilZero(ref line[Middle]))
                {
                    if (!Claim())
                        continue;
                    RunPart(part);
                    if (Interlocked.Decrement(ref pending) == 0 && Volatile.Read(ref callerParked) != 0)
                        Finished.Set();
                }
                else
                {
                    Interlocked.Exchange(ref parked, 1);
                    if (Volatile.Read(ref line[Middle]) == Closed)
                        wake.WaitOne();
                    Volatile.Write(ref parked, 0);
                }
            }
        }
    }
}
