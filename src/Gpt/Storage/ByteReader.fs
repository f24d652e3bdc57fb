namespace Gpt

open System
open System.IO
open System.IO.MemoryMappedFiles

/// Bytes that are handed over from front to back, into the reader's own memory.
type ByteReader =
    inherit IDisposable

    /// Fills the whole span with the next bytes. Raises EndOfStreamException when there are not so many.
    abstract Read: Span<byte> -> unit

[<RequireQualifiedAccess>]
module ByteReader =

    /// The bytes of a stream, which is disposed with the reader.
    let ofStream (stream: Stream) : ByteReader = {
        new ByteReader with
            member _.Read target = stream.ReadExactly target
            member _.Dispose() = stream.Dispose()
    }

    /// An open file, mapped to be read. It is closed when the map is disposed.
    let map (file: FileStream) : MemoryMappedFile =
        let access, isInherited = MemoryMappedFileAccess.Read, HandleInheritability.None
        MemoryMappedFile.CreateFromFile(file, null, 0L, access, isInherited, leaveOpen = false)

    /// How much of a file is mapped at a time: enough that mapping costs little, and too little to count.
    let private window = 1 <<< 20

    /// The bytes of a mapped file from a position on. Only the part that is being read is mapped, so that what was read does
    /// not count as this program's memory any longer.
    let ofMapped (file: MemoryMappedFile) (first: int64) : ByteReader =
        let mutable position = first

        {
            new ByteReader with
                member _.Read target =
                    let mutable filled = 0

                    while filled < target.Length do
                        let count = min window (target.Length - filled)
                        use view = file.CreateViewStream(position, count, MemoryMappedFileAccess.Read)
                        view.ReadExactly(target.Slice(filled, count))
                        position <- position + int64 count
                        filled <- filled + count

                member _.Dispose() = ()
        }

    /// Passes over bytes.
    let skip (count: int64) (reader: ByteReader) : unit =
        let buffer = Array.zeroCreate<byte>(int (min count 65536L))
        let mutable left = count

        while left > 0L do
            let now = int (min left buffer.LongLength)
            reader.Read(Span(buffer, 0, now))
            left <- left - int64 now
