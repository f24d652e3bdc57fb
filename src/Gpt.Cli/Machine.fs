namespace Gpt.Cli

open System
open System.ComponentModel
open System.Diagnostics
open System.Globalization
open TorchSharp

/// What this machine has, as far as it says.
[<RequireQualifiedAccess>]
module Machine =

    /// What a program prints, when it can be started and ends with success within ten seconds.
    let private ask (program: string) (arguments: string list) : string option =
        try
            let start =
                ProcessStartInfo(program, arguments, RedirectStandardOutput = true, RedirectStandardError = true)

            match Process.Start start with
            | null -> None
            | child ->
                use child = child
                let output = child.StandardOutput.ReadToEndAsync()
                child.StandardError.ReadToEndAsync() |> ignore

                if not (child.WaitForExit 10_000) then
                    child.Kill true
                    None
                elif child.ExitCode = 0 then
                    Some(output.Result.Trim())
                else
                    None
        with :? Win32Exception ->
            None

    /// The version of the .NET SDK, where there is one.
    let sdk () : string option = ask "dotnet" [ "--version" ]

    /// The GPUs that NVIDIA's driver knows: name, version of the driver, memory in MB.
    let gpus () : (string * string * float) list =
        let fields = "--query-gpu=name,driver_version,memory.total"

        match ask "nvidia-smi" [ fields; "--format=csv,noheader,nounits" ] with
        | None -> []
        | Some lines -> [
            for line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries) do
                match line.Split ',' |> Array.map _.Trim() with
                | [| name; driver; memory |] ->
                    match Double.TryParse(memory, NumberStyles.Float, CultureInfo.InvariantCulture) with
                    | true, megabytes -> name, driver, megabytes
                    | _ -> ()
                | _ -> ()
          ]

    /// The memory of the processor that this process may use, in bytes: the machine's, or less where a limit is set.
    let memory () : int64 = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes

    /// The memory of a device in bytes, where it is known.
    let memoryOf (device: torch.Device) : int64 option =
        if device.``type`` = DeviceType.CUDA then
            gpus ()
            |> List.tryItem (max 0 device.index)
            |> Option.map (fun (_, _, megabytes) -> int64 megabytes <<< 20)
        else
            Some(memory ())

    /// The memory of a GPU that is in use, by all who use it, in bytes, where it is known.
    let usedOf (device: torch.Device) : int64 option =
        ask "nvidia-smi" [
            "--query-gpu=memory.used"
            "--format=csv,noheader,nounits"
            $"--id={max 0 device.index}"
        ]
        |> Option.bind (fun text ->
            match Int64.TryParse text with
            | true, megabytes -> Some(megabytes <<< 20)
            | _ -> None)

    /// Bytes in MB (1,048,576 of them), as a person reads them.
    let megabytes (bytes: int64) : string = (float bytes / 1048576.0).ToString("N1", CultureInfo.InvariantCulture)
