namespace Gpt

open System
open System.IO
open System.Text.Json
open System.Collections.Generic

/// What the header of a safetensors file says of a tensor: its type, its shape, and where in the data its bytes are.
type SafetensorsEntry = {
    /// Its type: F32, F16, BF16, I64 …
    Dtype: string
    /// Its axes.
    Shape: int64 list
    /// Where its bytes begin, counted from the end of the header.
    Begin: int64
    /// Where they end: the place behind the last.
    End: int64
}

/// The JSON at the head of a safetensors file: `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}`,
/// offsets counted from the end of the header, and `__metadata__`, an object of texts.
[<RequireQualifiedAccess>]
module SafetensorsHeader =

    /// Bytes a number, by the type's name.
    let private elementSizes =
        Map [
            for size, names in
                [
                    1L, "BOOL U8 I8 F8_E4M3 F8_E5M2"
                    2L, "U16 I16 F16 BF16"
                    4L, "U32 I32 F32"
                    8L, "U64 I64 F64 C64"
                ] do
                for name in names.Split ' ' -> name, size
        ]

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    let private shapeText (shape: int64 list) = String.Join(", ", shape) |> sprintf "[%s]"

    let private readEntry path (dataLength: int64) (property: JsonProperty) : SafetensorsEntry =
        let ints (name: string) = [
            for item in property.Value.GetProperty(name).EnumerateArray() -> item.GetInt64()
        ]

        let shape, offsets = ints "shape", ints "data_offsets"
        let dtype = string (property.Value.GetProperty "dtype")

        match Map.tryFind dtype elementSizes, offsets with
        | Some size, [ first; last ] when List.forall (fun n -> n >= 0L) shape ->
            let bytes = shape |> List.fold (fun total n -> Checked.(*) total n) size

            if first < 0L || last > dataLength || last - first <> bytes then
                bad
                    path
                    $"tensor {property.Name} lies at {first} to {last} of {dataLength} bytes; shape {shapeText shape} of {dtype} takes {bytes}"

            {
                Dtype = dtype
                Shape = shape
                Begin = first
                End = last
            }
        | None, _ -> bad path $"tensor {property.Name} has dtype {dtype}, which is not known"
        | _ ->
            bad
                path
                $"tensor {property.Name} has shape {shapeText shape} and offsets {shapeText offsets}, which are not valid"

    /// The format wants every byte of the data to belong to exactly one tensor.
    let private requireCovered path (dataLength: int64) (entries: (string * SafetensorsEntry) list) : unit =
        let follow (border: int64, before: string) (name: string, entry: SafetensorsEntry) =
            if entry.Begin < border then
                bad path $"tensors {before} and {name} overlap at byte {entry.Begin}"
            elif entry.Begin > border then
                bad path $"the bytes {border} to {entry.Begin} before tensor {name} belong to no tensor"

            entry.End, name

        let border, _ =
            entries |> List.sortBy (fun (_, entry) -> entry.Begin, entry.End) |> List.fold follow (0L, "")

        if border <> dataLength then
            bad path $"the tensors end at byte {border} of {dataLength}; the file holds something else behind them"

    let private requireTexts path (metadata: JsonElement) : unit =
        for property in metadata.EnumerateObject() do
            if property.Value.ValueKind <> JsonValueKind.String then
                bad path $"__metadata__ may hold texts only; {property.Name} is another thing"

    /// The entries of a header, with all that the format demands of `dataLength` bytes of data checked: known types, sizes
    /// that fit, no name twice, no overlap, no byte left over.
    /// Raises InvalidDataException with a sentence that begins with the path.
    let parse (path: string) (dataLength: int64) (header: byte[]) : Map<string, SafetensorsEntry> =
        if header.Length = 0 || header[0] <> byte '{' then
            bad path "the header does not begin with {; the file is not safetensors"

        try
            use json = JsonDocument.Parse(ReadOnlyMemory header)
            let seen = HashSet<string>()

            let entries = [
                for property in json.RootElement.EnumerateObject() do
                    if not (seen.Add property.Name) then
                        bad path $"{property.Name} stands twice in the header"

                    if property.Name = "__metadata__" then
                        requireTexts path property.Value
                    else
                        property.Name, readEntry path dataLength property
            ]

            requireCovered path dataLength entries
            Map.ofList entries
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? KeyNotFoundException
        | :? FormatException
        | :? OverflowException -> bad path "the header is not what safetensors writes"

    /// The header of tensors (name, type, shape) that lie one after the other, filled up with spaces to a multiple of 8 bytes,
    /// so that the data behind it is aligned.
    let write (tensors: (string * string * int64 list) list) : byte[] =
        use buffer = new MemoryStream()
        use json = new Utf8JsonWriter(buffer)
        json.WriteStartObject()
        json.WriteStartObject "__metadata__"
        json.WriteString("format", "pt")
        json.WriteEndObject()
        let mutable offset = 0L

        for name, dtype, shape in tensors do
            json.WriteStartObject name
            json.WriteString("dtype", dtype)
            json.WriteStartArray "shape"
            shape |> List.iter json.WriteNumberValue
            json.WriteEndArray()
            json.WriteStartArray "data_offsets"
            json.WriteNumberValue offset
            offset <- offset + List.fold (*) elementSizes[dtype] shape
            json.WriteNumberValue offset
            json.WriteEndArray()
            json.WriteEndObject()

        json.WriteEndObject()
        json.Flush()

        while buffer.Length % 8L <> 0L do
            buffer.WriteByte(byte ' ')

        buffer.ToArray()
