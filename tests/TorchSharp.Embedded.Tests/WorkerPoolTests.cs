using TorchSharp.Threading;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>Tests that set the number of threads, which is one for the process, run alone.</summary>
[CollectionDefinition("Threads", DisableParallelization = true)]
public sealed class ThreadsCollection;

[Collection("Threads")]
public sealed unsafe class WorkerPoolTests : IDisposable
{
    private readonly int before = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = before;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Every_index_is_done_exactly_once(int threads)
    {
        WorkerPool.Threads = threads;
        var counts = stackalloc int[1000];
        for (var count = 0; count < 300; count++)
        {
            foreach (var grain in (long[])[-1, 0, 1, 2, 5, 64, 1000])
            {
                new Span<int>(counts, 1000).Clear();
                var job = new CountJob { Counts = counts };
                WorkerPool.For(count, grain, ref job);
                Assert.False(new Span<int>(counts, count).ContainsAnyExcept(1));
                Assert.False(new Span<int>(counts + count, 1000 - count).ContainsAnyExcept(0));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Members_of_a_team_see_after_a_meeting_what_the_others_wrote_before(int most)
    {
        WorkerPool.Threads = 3;
        var written = stackalloc int[64];
        var wrong = stackalloc int[64];
        for (var repeat = 0; repeat < 200; repeat++)
        {
            new Span<int>(written, 64).Clear();
            var job = new MeetingJob { Written = written, Wrong = wrong };
            WorkerPool.Together(most, ref job);
            Assert.Equal(MeetingJob.Rounds, written[0]);
            Assert.Equal(0, wrong[0] + wrong[1] + wrong[2]);
        }
    }

    [Fact]
    public void Shares_of_a_team_cover_the_range_once()
    {
        for (var members = 1; members <= 5; members++)
        {
            for (var length = 0; length < 100; length++)
            {
                long next = 0;
                for (var i = 0; i < members; i++)
                {
                    var (start, end) = new Team(i, members).Share(length, 16);
                    Assert.Equal(next, start);
                    Assert.True(end == length || end % 16 == 0);
                    next = end;
                }
                Assert.Equal(length, next);
            }
        }
    }

    private struct MeetingJob : ITeamJob
    {
        internal const int Rounds = 20;
        internal int* Written, Wrong;

        public readonly void Run(Team team)
        {
            for (var round = 1; round <= Rounds; round++)
            {
                Written[team.Member] = round;
                team.Meet();
                for (var i = 0; i < team.Members; i++)
                    Wrong[team.Member] += Written[i] == round ? 0 : 1;
                team.Meet();
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Nobody_waits_for_a_member_that_throws(int member)
    {
        WorkerPool.Threads = 2;
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            var failing = new FailingJob { Member = member };
            WorkerPool.Together(2, ref failing);
        });
        Assert.Equal($"member {Math.Min(member, Environment.ProcessorCount - 1)} fails", error.Message);

        int* written = stackalloc int[2], wrong = stackalloc int[2];
        var job = new MeetingJob { Written = written, Wrong = wrong };
        WorkerPool.Together(2, ref job);
        Assert.Equal(0, wrong[0] + wrong[1]);
    }

    private struct FailingJob : ITeamJob
    {
        internal int Member;

        public readonly void Run(Team team)
        {
            team.Meet();
            if (team.Member == Math.Min(Member, team.Members - 1))
                throw new InvalidOperationException($"member {team.Member} fails");
            team.Meet();
            team.Meet();
        }
    }

    [Theory]
    [InlineData(100, 10, 4, new long[] { 0, 25, 50, 75 })]
    [InlineData(10, 3, 8, new long[] { 0, 4, 7 })]
    [InlineData(11, 1, 3, new long[] { 0, 4, 8 })]
    [InlineData(5, 6, 3, new long[] { 0 })]
    [InlineData(2, 1, 3, new long[] { 0, 1 })]
    public void The_cut_depends_on_count_grain_and_threads_only(long count, long grain, int threads, long[] starts)
    {
        WorkerPool.Threads = threads;
        Assert.Equal(starts.Length, WorkerPool.Parts(count, grain));
        var ends = stackalloc long[100];
        for (var repeat = 0; repeat < 50; repeat++)
        {
            new Span<long>(ends, 100).Clear();
            var job = new CutJob { Ends = ends };
            WorkerPool.For(count, grain, ref job);
            var found = new List<long>();
            for (long i = 0; i < count; i = ends[i])
                found.Add(i);
            Assert.Equal(starts, found);
        }
    }

    [Fact]
    public void All_threads_take_part_when_there_is_work_for_all()
    {
        WorkerPool.Threads = 3;
        var arrived = 0;
        var job = new MeetJob { Arrived = &arrived, Expected = 3 };
        WorkerPool.For(3, 1, ref job);
        Assert.Equal(3, arrived);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_exception_comes_back_and_the_pool_goes_on(int threads)
    {
        WorkerPool.Threads = threads;
        for (var bad = 0; bad < 30; bad++)
        {
            var job = new ThrowJob { Bad = bad };
            var error = Assert.Throws<InvalidOperationException>(() => WorkerPool.For(30, 1, ref job));
            Assert.Equal($"index {bad}", error.Message);
            Every_index_is_done_exactly_once_in_a_small_call();
        }
    }

    [Fact]
    public void A_call_from_inside_a_part_runs_on_the_same_thread()
    {
        WorkerPool.Threads = 3;
        var sums = stackalloc long[3];
        var job = new OuterJob { Sums = sums };
        WorkerPool.For(3, 1, ref job);
        Assert.Equal([4950, 4950, 4950], new Span<long>(sums, 3));
    }

    [Fact]
    public void Callers_on_several_threads_do_not_disturb_each_other()
    {
        WorkerPool.Threads = 2;
        var failures = 0;
        var callers = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            var counts = stackalloc int[50];
            for (var repeat = 0; repeat < 2000; repeat++)
            {
                new Span<int>(counts, 50).Clear();
                var job = new CountJob { Counts = counts };
                WorkerPool.For(50, 1, ref job);
                for (var i = 0; i < 50; i++)
                    if (counts[i] != 1)
                        Interlocked.Increment(ref failures);
            }
        })).ToList();
        callers.ForEach(t => t.Start());
        callers.ForEach(t => t.Join());
        Assert.Equal(0, failures);
    }

    [Fact]
    public void Workers_that_have_parked_wake_again()
    {
        WorkerPool.Threads = 2;
        for (var repeat = 0; repeat < 20; repeat++)
        {
            Thread.Sleep(2);
            All_threads_take_part_when_there_is_work_for_all();
        }
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        WorkerPool.Threads = 2;
        Every_index_is_done_exactly_once_in_a_small_call();
        var counts = stackalloc int[1000];
        var job = new CountJob { Counts = counts };
        var start = GC.GetAllocatedBytesForCurrentThread();
        for (var repeat = 0; repeat < 1000; repeat++)
            WorkerPool.For(1000, 1, ref job);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - start);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void Fewer_than_one_thread_is_an_error(int threads) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => WorkerPool.Threads = threads);

    private static void Every_index_is_done_exactly_once_in_a_small_call()
    {
        var counts = stackalloc int[30];
        new Span<int>(counts, 30).Clear();
        var job = new CountJob { Counts = counts };
        WorkerPool.For(30, 1, ref job);
        for (var i = 0; i < 30; i++)
            Assert.Equal(1, counts[i]);
    }

    private struct CountJob : IRangeJob
    {
        internal int* Counts;

        public readonly void Run(long start, long end)
        {
            for (var i = start; i < end; i++)
                Interlocked.Increment(ref Counts[i]);
        }
    }

    private struct CutJob : IRangeJob
    {
        internal long* Ends;

        public readonly void Run(long start, long end) => Ends[start] = end;
    }

    /// <summary>Each part waits for the others: passes only if they run at the same time.</summary>
    private struct MeetJob : IRangeJob
    {
        internal int* Arrived;
        internal int Expected;

        public readonly void Run(long start, long end)
        {
            Interlocked.Increment(ref *Arrived);
            var limit = Environment.TickCount64 + 20_000;
            while (Volatile.Read(ref *Arrived) < Expected)
            {
                if (Environment.TickCount64 > limit)
                    throw new TimeoutException("A part has not started.");
                Thread.Yield();
            }
        }
    }

    private struct ThrowJob : IRangeJob
    {
        internal long Bad;

        public readonly void Run(long start, long end)
        {
            if (start <= Bad && Bad < end)
                throw new InvalidOperationException($"index {Bad}");
        }
    }

    private struct OuterJob : IRangeJob
    {
        internal long* Sums;

        public readonly void Run(long start, long end)
        {
            for (var i = start; i < end; i++)
            {
                var inner = new InnerJob { Sum = Sums + i, Thread = Environment.CurrentManagedThreadId };
                WorkerPool.For(100, 1, ref inner);
            }
        }
    }

    private struct InnerJob : IRangeJob
    {
        internal long* Sum;
        internal int Thread;

        public readonly void Run(long start, long end)
        {
            Assert.Equal(Thread, Environment.CurrentManagedThreadId);
            for (var i = start; i < end; i++)
                *Sum += i; // no other thread adds
        }
    }
}
