namespace TorchSharp;

public static partial class torch
{
    /// <summary>The processor, where the embedded engine computes.</summary>
    public static readonly Device CPU = new(DeviceType.CPU);

    /// <summary>The first GPU. Tensors on it need another engine: see README, "Engines".</summary>
    public static Device CUDA => new(DeviceType.CUDA);

    /// <summary>The device that a text names: "cpu", "cuda" or "cuda:1".</summary>
    public static Device device(string description) => new(description);

    /// <summary>The device of a kind, with its number.</summary>
    public static Device device(string deviceType, int index = -1) => new(deviceType, index);

    /// <summary>The device of a kind, with its number.</summary>
    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    /// <summary>The GPU with a number.</summary>
    public static Device device(int index) => new(index);

    /// <summary>Where a tensor lies. Devices other than the processor can be named, so that a program can ask for them.</summary>
    public class Device
    {
        /// <summary>The device that a text names: "cpu", "cuda" or "cuda:1".</summary>
        /// <exception cref="ArgumentException">The text names no device.</exception>
        public Device(string description)
        {
            var parts = description.Split(':');
            if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], out _)))
                throw new ArgumentException($"'{description}' names no device: expected cpu, cuda or cuda:0");
            type = Parse(parts[0]);
            index = parts.Length == 2 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : -1;
        }

        /// <summary>The device of a kind, with its number.</summary>
        /// <exception cref="ArgumentException">The text names no kind of device.</exception>
        public Device(string deviceType, int index = -1)
        {
            type = Parse(deviceType);
            this.index = index;
        }

        /// <summary>The device of a kind, with its number.</summary>
        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = index;
        }

        /// <summary>The GPU with a number.</summary>
        public Device(int index)
            : this(DeviceType.CUDA, index)
        {
        }

        /// <summary>The kind.</summary>
        public DeviceType type { get; }

        /// <summary>The number; -1 for the current one.</summary>
        public int index { get; }

        /// <summary>The device that a text names.</summary>
        public static implicit operator Device(string description) => new(description);

        /// <summary>cpu, cuda, cuda:1.</summary>
        public override string ToString()
        {
            var name = type.ToString().ToLowerInvariant();
            return index < 0 ? name : $"{name}:{index}";
        }

        private static DeviceType Parse(string name) =>
            Enum.TryParse<DeviceType>(name, ignoreCase: true, out var type) && Enum.IsDefined(type)
                ? type
                : throw new ArgumentException($"'{name}' names no device: expected cpu or cuda");
    }

    /// <summary>Questions about GPUs. The embedded engine has none.</summary>
    public static class cuda
    {
        /// <summary>False: the embedded engine computes on the processor.</summary>
        public static bool is_available() => false;

        /// <summary>False: the embedded engine computes on the processor.</summary>
        public static bool is_cudnn_available() => false;

        /// <summary>0: the embedded engine computes on the processor.</summary>
        public static int device_count() => 0;

        /// <summary>Nothing to seed: does nothing, as in TorchSharp without a GPU.</summary>
        public static void manual_seed(long seed)
        {
        }

        /// <summary>Nothing to seed: does nothing, as in TorchSharp without a GPU.</summary>
        public static void manual_seed_all(long seed)
        {
        }

        /// <summary>Nothing to wait for: does nothing.</summary>
        public static void synchronize(Device? device = null)
        {
        }
    }

    /// <summary>False: the embedded engine computes on the processor.</summary>
    public static bool cuda_is_available() => false;

    /// <summary>False: the embedded engine computes on the processor.</summary>
    public static bool mps_is_available() => false;
}

/// <summary>The one check of where a tensor is asked for.</summary>
internal static class Devices
{
    /// <exception cref="NotSupportedException">The device is not the processor.</exception>
    internal static void Require(Device? device)
    {
        if (device is null || device.type == DeviceType.CPU)
            return;
        throw new NotSupportedException(
            $"There is no device {device} here: this is the embedded engine, CPU only. "
            + "Build with `--torch cuda` (property Torch=cuda) for a GPU.");
    }
}
