namespace Gpt

open System
open System.Runtime.InteropServices
open System.Threading
open TorchSharp

/// Numbers on their way from a device: asked for at once, and there when the device has got so far. What it is told in between does
/// not hold them up, as it would a plain read. Dispose it to free their memory.
type Fetch private (landing: Tensor, device: torch.Device) =

    /// A NaN that no calculation makes, as bits: it stands where no number has come yet.
    static let missing = 0x7FC0BEEF

    /// For how many milliseconds numbers are looked out for before the device is waited for, which raises if it has failed.
    static let patience = 1000L

    let isThere () : bool =
        Thread.MemoryBarrier()
        MemoryMarshal.Cast<byte, int>(landing.bytes).IndexOf missing < 0

    /// Asks for the values of a tensor of any shape and type as float32, in which whole numbers are exact up to 2^24. They are copied
    /// in order with all else that its device does: it may be changed at once. TorchSharp has no events, so what arrives is known
    /// by what it writes over.
    static member Start(tensor: Tensor) : Fetch =
        let landing =
            Tensors.scoped (fun () ->
                let numbers = tensor.``to`` torch.ScalarType.Float32
                let room = Tensors.empty (Device.cpu ()) (List.ofArray numbers.shape)
                // A GPU writes by itself into memory that stays where it is, and into no other.
                let room =
                    if Device.isCpu tensor.device then
                        room
                    else
                        room.pin_memory ()

                (MemoryMarshal.Cast<byte, int> room.bytes).Fill missing
                room.copy_ (numbers, nonBlocking = true))

        new Fetch(landing.DetachFromDisposeScope(), tensor.device)

    /// The values in row-major order, once they have come: what the device was told before `Start` is waited for, and nothing that
    /// it was told after. Counts as a read. Raises ExternalException when the device has failed.
    member _.Wait() : float32[] =
        Tensors.countRead ()
        let start = Environment.TickCount64

        while not (isThere ()) && Environment.TickCount64 - start < patience do
            Thread.Yield() |> ignore

        if not (isThere ()) then
            Device.wait device

        (Tensors.span landing).ToArray()

    interface IDisposable with
        member _.Dispose() = landing.Dispose()
