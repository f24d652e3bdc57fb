namespace TorchSharp;

public static partial class torch
{
    /// <summary>Settings of the libraries below.</summary>
    public static class backends
    {
        /// <summary>Settings of GPUs. The embedded engine has none: it keeps them, and nothing reads them.</summary>
        public static class cuda
        {
            /// <summary>Settings of matrix products on GPUs.</summary>
            public static class matmul
            {
                /// <summary>Whether float32 products on a GPU may round their operands to 10 bits after the point.</summary>
                public static bool allow_tf32 { get; set; }
            }
        }
    }

    /// <summary>Loads what a kind of device needs.</summary>
    /// <exception cref="NotSupportedException">Any device but the processor.</exception>
    public static void InitializeDeviceType(DeviceType deviceType) => Devices.Require(new Device(deviceType));
}
