using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// Random numbers by Philox4x32-10: a seed and the number of calls so far fix every number. Not the numbers that
    /// libtorch gives for the same seed.
    /// </summary>
    public class Generator : IDisposable
    {
        private readonly Lock gate = new();
        private long initial;
        private ulong calls;

        /// <summary>A generator of its own.</summary>
        /// <exception cref="NotSupportedException">The device is not the processor.</exception>
        public Generator(ulong seed = 0, Device? device = null)
        {
            Devices.Require(device);
            initial = (long)seed;
        }

        /// <summary>The generator that is used where none is given.</summary>
        public static Generator Default { get; } = new((ulong)Random.Shared.NextInt64());

        /// <summary>The processor.</summary>
        public Device device => CPU;

        /// <summary>Starts again from a seed.</summary>
        public Generator manual_seed(long seed)
        {
            lock (gate)
                (initial, calls) = (seed, 0);
            return this;
        }

        /// <summary>Starts again from a seed that nobody knows before, and returns it.</summary>
        public long seed()
        {
            var fresh = Random.Shared.NextInt64();
            manual_seed(fresh);
            return fresh;
        }

        /// <summary>The seed of the last start.</summary>
        public long initial_seed() => initial;

        /// <summary>Seed and number of calls, as a tensor of two int64.</summary>
        public Tensor get_state() => tensor(new long[] { initial, (long)calls });

        /// <summary>Goes back to a state that <see cref="get_state"/> gave.</summary>
        public void set_state(Tensor value)
        {
            if (value.dtype != ScalarType.Int64 || value.numel() != 2)
                throw new ArgumentException($"set_state: expected two int64, seed and calls, not {value.Impl}");
            var state = value.data<long>().ToArray();
            lock (gate)
                (initial, calls) = (state[0], (ulong)state[1]);
        }

        /// <summary>Nothing to give back.</summary>
        public void Dispose() => GC.SuppressFinalize(this);

        /// <summary>The key of the next call: every call has a stream of its own.</summary>
        internal (ulong Seed, ulong Stream) NextStream()
        {
            lock (gate)
                return ((ulong)initial, calls++);
        }

        internal DropoutKey NextDropout(double p)
        {
            var (seed, stream) = NextStream();
            return new DropoutKey(seed, stream, (float)p);
        }
    }

    /// <summary>Starts the default generator again from a seed, and returns it.</summary>
    public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);

    /// <summary>The seed of the default generator's last start.</summary>
    public static long initial_seed() => Generator.Default.initial_seed();

    /// <summary>Starts the default generator again from a seed that nobody knows before, and returns it.</summary>
    public static long seed() => Generator.Default.seed();

    /// <summary>The default generator's state.</summary>
    public static Tensor get_rng_state() => Generator.Default.get_state();

    /// <summary>Sets the default generator's state.</summary>
    public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
}
