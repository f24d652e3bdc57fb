namespace Gpt.Cli

open System
open System.IO
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open TorchSharp
open Gpt

/// What a check has found.
type Finding =
    | Fine
    /// It is not there, and nothing that was asked for needs it.
    | Absent
    /// It is not there, and is needed.
    | Missing

/// One thing that was looked at.
type Check = {
    Name: string
    Finding: Finding
    /// In plain words what there is, or what is missing and what to do.
    Says: string
}

/// The checks of `gpt doctor`: what a machine needs to train, looked at one by one.
[<RequireQualifiedAccess>]
module Doctor =

    let private check name finding says = {
        Name = name
        Finding = finding
        Says = says
    }

    let private firstLine (problem: exn) = problem.GetBaseException().Message.Split('\n') |> Array.head |> _.Trim()

    let private runtime () =
        let says =
            $".NET {Environment.Version} for {RuntimeInformation.RuntimeIdentifier}, {Environment.ProcessorCount} processors"

        if Environment.Version.Major >= 10 then
            check "runtime" Fine says
        else
            check "runtime" Missing $"{says}; .NET 10 is needed"

    let private sdk () =
        match Machine.sdk () with
        | Some version -> check "sdk" Fine $".NET SDK {version}"
        | None -> check "sdk" Absent "no .NET SDK; only building needs one (version 10)"

    let private vectors () =
        if Vector512.IsHardwareAccelerated then 512
        elif Vector256.IsHardwareAccelerated then 256
        else 128

    let private engine () =
        let version = typeof<Tensor>.Assembly.GetName().Version

        if Device.engine = "embedded" then
            check "engine" Fine $"embedded, on the processor alone, vectors of {vectors ()} bits"
        else
            check "engine" Fine $"TorchSharp {version} with libtorch"

    /// What the system says of TorchSharp's native library when it does not load: of all that was tried, the first thing that is not
    /// about where the library might lie.
    let private loading () : string =
        try
            NativeLibrary.Load("LibTorchSharp", typeof<Tensor>.Assembly, Nullable()) |> ignore
            "its parts cannot be loaded together"
        with problem ->
            let isPlace (line: string) = (line.Split(':')[0]).Split('/') |> Array.last |> _.Contains("LibTorchSharp")

            problem.Message.Split('\n')
            |> Seq.skip 1
            |> Seq.map _.Trim()
            |> Seq.tryFind (fun line -> line <> "" && not (isPlace line))
            |> Option.defaultValue "libLibTorchSharp is not beside the program"

    /// Makes a tensor, for which libtorch has to be loaded.
    let private native () =
        try
            use one = Screen.silently (fun () -> Tensors.zeros (Device.cpu ()) [ 1L ])

            if Device.engine = "embedded" then
                check "libraries" Fine "no native library is needed"
            else
                check "libraries" Fine $"libtorch is loaded and holds a tensor on {one.device}"
        with _ ->
            check
                "libraries"
                Missing
                $"libtorch cannot be loaded: {loading ()}; on Linux it needs the libstdc++ of GCC 13.2 (GLIBCXX_3.4.32) or a newer one; or build without --torch for the embedded engine"

    let private driver (wantsCuda: bool) =
        match Machine.gpus () with
        | [] when wantsCuda ->
            check "driver" Missing "NVIDIA's driver does not answer (nvidia-smi); install it, or use --device cpu"
        | [] -> check "driver" Absent "no NVIDIA driver, which only --device cuda needs"
        | gpus ->
            gpus
            |> List.map (fun (name, driver, megabytes) -> $"{name} with {megabytes:N0} MB, driver {driver}")
            |> String.concat "; "
            |> check "driver" Fine

    /// What the default training takes, four times over.
    let private leastMemory = 256L <<< 20

    let private memory () =
        let available = Machine.memory ()
        let says = $"{Machine.megabytes available} MB may be used"

        if available >= leastMemory then
            check "memory" Fine says
        else
            check
                "memory"
                Missing
                $"{says}; {Machine.megabytes leastMemory} MB are the least to train a small model with"

    /// Whether files can be made in a folder, or in the one that it would be made in.
    let private folder (name: string) (path: string) (remedy: string) =
        try
            Directory.CreateDirectory path |> ignore
            let probe = Path.Combine(path, $".gpt-doctor-{Guid.NewGuid():N}")
            File.WriteAllText(probe, "")
            File.Delete probe
            check name Fine $"{path} can be written"
        with
        | :? IOException
        | :? UnauthorizedAccessException as problem ->
            check name Missing $"{path} cannot be written: {firstLine problem}; {remedy}"

    let private folders () =
        let variable = Environment.GetEnvironmentVariable >> Option.ofObj

        [
            folder "data cache" (Datasets.cacheFolder variable) "name another folder in GPT_CACHE"
            folder "hub cache" (Hub.settings variable).Cache "name another folder in HF_HOME"
        ]

    /// Thirty steps on a text with a rule: a device that computes right lowers the loss.
    let private trains (device: torch.Device) =
        let name = $"training {device}"

        try
            let config = {
                GptConfig.mini with
                    VocabSize = 11
                    Context = 16
                    Dim = 32
                    Heads = 2
                    Layers = 2
                    FeedForward = 64
                    Dropout = 0.0
            }

            use model = Init.model device config (Rng.ofSeed 1UL)

            let options = {
                Training.defaults 30 with
                    WindowLength = 16
                    Schedule = Constant 1e-2
                    EvaluateEvery = 30
                    EvaluationBatches = 1
            }

            let text = Array.init 400 (fun i -> i % 11)

            let losses =
                Training.run options { Training = text; Validation = text } model
                |> Seq.choose (fun report ->
                    match report.Event with
                    | Evaluated(loss, _) -> Some loss
                    | Stepped _ -> None)
                |> List.ofSeq

            let first, last = List.head losses, List.last losses

            if last < first - 0.5 then
                check name Fine $"30 steps lower the loss from {first:F2} to {last:F2}"
            else
                check name Missing $"30 steps take the loss from {first:F2} to {last:F2}: the device computes wrongly"
        with problem ->
            check name Missing $"a step fails: {firstLine problem}"

    let private isCuda (device: string) = device = "cuda" || device.StartsWith "cuda:"

    /// A step on the processor, on the device that was asked for, and on each GPU that is there.
    let private devices (wanted: string) = [
        trains (Device.cpu ())

        if isCuda wanted then
            match Options.deviceCalled wanted with
            | Ok device -> trains device
            | Error sentence -> check $"training {wanted}" Missing sentence
        elif wanted = "auto" then
            for index in 0 .. torch.cuda.device_count () - 1 do
                trains (torch.device $"cuda:{index}")
    ]

    /// Looks at everything that computing on a device needs: `auto`, `cpu`, `cuda` or `cuda:N`.
    let examine (wanted: string) : Check list =
        let libraries = native ()

        [
            runtime ()
            sdk ()
            engine ()
            libraries
            driver (isCuda wanted)
            memory ()
            yield! folders ()
            // Without its libraries an engine can do nothing.
            if libraries.Finding = Fine then
                yield! devices wanted
        ]
