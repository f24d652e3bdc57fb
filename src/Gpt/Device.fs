namespace Gpt

open System
open System.Diagnostics
open TorchSharp

/// Where tensors live, as text and as TorchSharp's device.
[<RequireQualifiedAccess>]
module Device =

    /// The name of the engine this build runs on: `embedded` (managed, CPU only) or `libtorch`.
    let engine =
        if typeof<Tensor>.Assembly.GetName().Name = "TorchSharp.Embedded" then
            "embedded"
        else
            "libtorch"

    /// The main processor.
    let cpu () : torch.Device = torch.CPU

    /// Whether a device is the main processor, which has always done what it was told, where a GPU lags behind.
    let isCpu (device: torch.Device) : bool = device.``type`` = DeviceType.CPU

    let private cudaIsThere () = torch.cuda.is_available ()

    /// The first CUDA device when there is one, else the main processor.
    let best () : torch.Device = if cudaIsThere () then torch.device "cuda:0" else cpu ()

    /// Why TorchSharp finds no GPU, which it does not say by itself: it says the same when its libraries are not there and when they
    /// find nothing. What this process has loaded tells them apart.
    let private reason () : string =
        use itself = Process.GetCurrentProcess()

        if itself.Modules |> Seq.cast<ProcessModule> |> Seq.exists _.ModuleName.Contains("torch_cuda") then
            "its CUDA libraries are loaded, but they find no GPU: NVIDIA's driver is missing, too old, or hides it"
        else
            "its CUDA libraries (libtorch_cuda) are not there or cannot be loaded"

    let private withoutCuda (text: string) =
        if engine = "embedded" then
            $"device {text}: this build has the embedded engine, which computes on the CPU only; build with "
            + "`--torch cuda` (dotnet fsi build.fsx run --torch cuda) for a GPU, or use cpu"
        else
            $"device {text}: TorchSharp cannot use a GPU, {reason ()}; install NVIDIA's driver and build with "
            + "`--torch cuda` (the package TorchSharp-cuda-linux), or use cpu"

    /// Waits until a device has done all it was told; the processor always has.
    let wait (device: torch.Device) : unit =
        if device.``type`` = DeviceType.CUDA then
            torch.cuda.synchronize device

    /// Lets a GPU round what it multiplies to TF32, 10 bits after the point in place of 23, for every float32 product of this
    /// process: NVIDIA's matrix units are several times faster so. The error is one sentence: other devices have no such units.
    let useTf32 (device: torch.Device) : Result<unit, string> =
        if device.``type`` = DeviceType.CUDA then
            torch.backends.cuda.matmul.allow_tf32 <- true
            Ok()
        else
            Error
                $"tf32: only NVIDIA GPUs multiply in TF32, and the device is {device}; leave it out, or compute on cuda"

    /// Whether a GPU of this process may round to TF32.
    let isTf32 () : bool = torch.backends.cuda.matmul.allow_tf32

    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`. The error is one sentence that says what would be right.
    let parse (text: string) : Result<torch.Device, string> =
        let wrong = Error $"device {text}: expected auto, cpu, cuda or cuda:N (N a device number from 0)"

        match text.Split ':' with
        | [| "auto" |] -> Ok(best ())
        | [| "cpu" |] -> Ok(cpu ())
        | [| "cuda" |] when cudaIsThere () -> Ok(torch.device "cuda:0")
        | [| "cuda" |] -> Error(withoutCuda text)
        | [| "cuda"; number |] ->
            match Int32.TryParse number with
            | true, n when n >= 0 && not (cudaIsThere ()) -> Error(withoutCuda text)
            | true, n when n >= 0 && n < torch.cuda.device_count () -> Ok(torch.device $"cuda:{n}")
            | true, n when n >= 0 ->
                Error $"device {text}: this machine has CUDA devices 0 to {torch.cuda.device_count () - 1}"
            | _ -> wrong
        | _ -> wrong
