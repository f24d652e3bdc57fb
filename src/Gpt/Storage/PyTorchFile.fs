namespace Gpt

open System
open System.IO
open System.IO.Compression
open System.IO.MemoryMappedFiles

/// `pytorch_model.bin`: a dictionary of tensors as torch.save writes it. Since PyTorch 1.6 that is a zip archive with the
/// pickle in `data.pkl` and the numbers in `data/0`, `data/1` …; before, pickles in a row with the numbers behind them.
[<RequireQualifiedAccess>]
module PyTorchFile =

    /// The longest pickle that is read, in bytes; that of GPT-2 XL has about 100,000.
    let private pickleLimit = 4L <<< 20

    let private bad sentence = raise (InvalidDataException sentence)

    let private size (dtype: string) =
        match dtype with
        | "F64"
        | "I64" -> 8L
        | "F32"
        | "I32" -> 4L
        | "F16"
        | "BF16"
        | "I16" -> 2L
        | _ -> 1L

    let private bytesOf (storage: PickledStorage) : int64 =
        if storage.Count < 0L || storage.Count > Int64.MaxValue / 8L then
            bad $"storage {storage.Key} has {storage.Count} numbers, which cannot be"

        storage.Count * size storage.Dtype

    /// Strides of a tensor without gaps, row after row.
    let private rowMajor (shape: int64 list) : int64 list =
        List.scanBack (fun length stride -> Checked.(*) (max 1L length) stride) shape 1L |> List.tail

    /// Raises unless the tensor lies within its storage, in row-major order.
    let private check (name: string) (tensor: PickledTensor) : unit =
        if List.exists (fun length -> length < 0L) tensor.Shape then
            bad $"tensor {name} has shape {tensor.Shape}, which cannot be"

        let count =
            try
                List.fold (fun total length -> Checked.(*) total length) 1L tensor.Shape
            with :? OverflowException ->
                bad $"tensor {name} has shape {tensor.Shape}, which is too large"

        if tensor.Offset < 0L || tensor.Offset > tensor.Storage.Count - count then
            bad
                $"tensor {name} takes {count} numbers from number {tensor.Offset} on of a storage of {tensor.Storage.Count}"

        // The stride of an axis of length 1 does not matter.
        let matters = List.zip tensor.Shape >> List.filter (fun (length, _) -> length > 1L)

        if
            tensor.Strides.Length <> tensor.Shape.Length
            || count > 0L && matters tensor.Strides <> matters (rowMajor tensor.Shape)
        then
            bad $"tensor {name} is stored with strides {tensor.Strides}, not row after row; save it contiguous"

    /// The tensors of a dictionary, given how to begin reading a storage's bytes.
    let private ofPickle path (openStorage: PickledStorage -> ByteReader) (value: Pickled) : Map<string, StoredTensor> =
        Map [
            for name, tensor in Pickle.tensors value do
                check name tensor
                let storage = tensor.Storage

                name,
                {
                    Path = path
                    Name = name
                    Dtype = storage.Dtype
                    Shape = tensor.Shape
                    Open =
                        fun () ->
                            let reader = openStorage storage
                            ByteReader.skip (tensor.Offset * size storage.Dtype) reader
                            reader
                }
        ]

    let private readWhole (entry: ZipArchiveEntry) : byte[] =
        if entry.Length > pickleLimit then
            bad $"{entry.FullName} has {entry.Length} bytes; {pickleLimit} are the most that is read"

        use stream = entry.Open()
        let bytes = Array.zeroCreate<byte>(int entry.Length)
        stream.ReadExactly(Span bytes)
        bytes

    let private isPickle (entry: ZipArchiveEntry) =
        entry.FullName = "data.pkl" || entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal)

    /// The archive's entries by name, below the folder that holds the pickle.
    let private entriesOf (archive: ZipArchive) : Map<string, ZipArchiveEntry> =
        match archive.Entries |> Seq.filter isPickle |> List.ofSeq with
        | [ pickle ] ->
            let folder = pickle.FullName.Substring(0, pickle.FullName.Length - "data.pkl".Length)

            Map [
                for entry in archive.Entries do
                    if entry.FullName.StartsWith(folder, StringComparison.Ordinal) then
                        entry.FullName.Substring folder.Length, entry
            ]
        | found -> bad $"the archive holds {found.Length} files called data.pkl; a checkpoint has one"

    let private openArchive (path: string) (file: FileStream) : TensorFiles =
        let archive = new ZipArchive(file, ZipArchiveMode.Read)
        let entries = entriesOf archive

        match Map.tryFind "byteorder" entries |> Option.map (readWhole >> Text.Encoding.ASCII.GetString) with
        | Some order when order.Trim() <> "little" -> bad $"its numbers are {order.Trim()} endian; little is expected"
        | _ -> ()

        let struct (value, _) = Pickle.read (readWhole entries["data.pkl"]) 0

        let entryOf (storage: PickledStorage) =
            match Map.tryFind $"data/{storage.Key}" entries with
            | Some entry when entry.Length = bytesOf storage -> entry
            | Some entry ->
                bad $"data/{storage.Key} has {entry.Length} bytes; {storage.Count} of {storage.Dtype} are expected"
            | None -> bad $"data/{storage.Key} is not in the archive"

        let tensors = ofPickle path (fun storage -> ByteReader.ofStream ((entryOf storage).Open())) value

        for _, tensor in Pickle.tensors value do
            entryOf tensor.Storage |> ignore

        {
            Source = path
            Tensors = tensors
            Files = [ archive ]
        }

    /// How files from before PyTorch 1.6 begin: a pickle of one magic number.
    let private oldMagic = [|
        yield! [ 0x80uy; 2uy; 0x8Auy; 10uy ]
        yield! [
            0x6Cuy
            0xFCuy
            0x9Cuy
            0x46uy
            0xF9uy
            0x20uy
            0x6Auy
            0xA8uy
            0x50uy
            0x19uy
        ]
        yield byte '.'
    |]

    /// Where each storage's numbers begin, for storages that lie behind one another from `first` on, a count before each.
    let private placeStorages (file: FileStream) (first: int64) (storages: PickledStorage list) : Map<string, int64> =
        let prefix = Array.zeroCreate<byte> 8

        let place (position: int64) (storage: PickledStorage) =
            let finish = position + 8L + bytesOf storage

            if finish > file.Length then
                bad $"storage {storage.Key} should end at byte {finish}, the file has {file.Length}; it is truncated"

            file.Position <- position
            file.ReadExactly(Span prefix)
            let count = BitConverter.ToInt64(prefix, 0)

            if count <> storage.Count then
                bad $"storage {storage.Key} has {count} numbers where its tensors say {storage.Count}"

            (storage.Key, position + 8L), finish

        List.mapFold place first storages |> fst |> Map.ofList

    let private openOld (path: string) (file: FileStream) : TensorFiles =
        let head = Array.zeroCreate<byte>(int (min file.Length pickleLimit))
        file.Position <- 0L
        file.ReadExactly(Span head)
        // The magic number, the version of the format, the machine that wrote it, the dictionary, the order of storages.
        let struct (version, second) = Pickle.read head oldMagic.Length
        let struct (machine, third) = Pickle.read head second
        let struct (value, fourth) = Pickle.read head third
        let struct (keys, data) = Pickle.read head fourth

        let isBig =
            match machine with
            | Pickled.Dict facts ->
                facts
                |> Seq.exists (fun fact ->
                    match fact.Key, fact.Value with
                    | Pickled.Text "little_endian", Pickled.Flag little -> not little
                    | _ -> false)
            | _ -> true

        match version with
        | Pickled.Number 1001L when not isBig -> ()
        | _ -> bad "it is of an unknown version of PyTorch's format, or from a big-endian machine"

        let known = Map [ for _, tensor in Pickle.tensors value -> tensor.Storage.Key, tensor.Storage ]

        let storages =
            match keys with
            | Pickled.List keys -> [
                for key in keys do
                    match key with
                    | Pickled.Text key when known.ContainsKey key -> known[key]
                    | _ -> bad "it holds storages that no tensor uses"
              ]
            | _ -> bad "it does not say in which order its storages lie"

        let places = placeStorages file (int64 data) storages

        if places.Count <> known.Count then
            bad "it lacks the numbers of some of its tensors"

        let mapped = ByteReader.map file

        {
            Source = path
            Tensors = ofPickle path (fun storage -> ByteReader.ofMapped mapped places[storage.Key]) value
            Files = [ mapped ]
        }

    /// The tensors of a file. The pickle is read, by `Pickle`, and all sizes are checked; no numbers are read yet.
    /// Raises InvalidDataException when it is not what torch.save writes of a dictionary of tensors, IOException when the
    /// file cannot be read.
    let openFile (path: string) : TensorFiles =
        let file = File.OpenRead path

        try
            try
                let start = Array.zeroCreate<byte> oldMagic.Length
                let count = file.ReadAtLeast(Span start, start.Length, false)

                if count >= 4 && start[0] = byte 'P' && start[1] = byte 'K' then
                    openArchive path file
                elif start = oldMagic then
                    openOld path file
                else
                    bad "it is not what torch.save writes: neither a zip archive nor a row of pickles"
            with
            | :? InvalidDataException as e -> raise (InvalidDataException $"{path}: {e.Message}")
            | :? OverflowException -> raise (InvalidDataException $"{path}: a tensor is too large")
        with _ ->
            file.Dispose()
            reraise ()
