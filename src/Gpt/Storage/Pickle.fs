namespace Gpt

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.IO
open System.Text

/// The memory that pickled tensors are views of: which of the file's blocks, and what it holds.
type PickledStorage = {
    /// The name of its block in the file.
    Key: string
    /// As safetensors names it.
    Dtype: string
    /// In numbers, not bytes.
    Count: int64
}

/// A view of a storage: `Offset` and `Strides` in numbers.
type PickledTensor = {
    /// What it is a view of.
    Storage: PickledStorage
    /// Where it begins, in numbers.
    Offset: int64
    /// Its axes.
    Shape: int64 list
    /// How far apart neighbours along each axis lie, in numbers.
    Strides: int64 list
}

/// Everything that a pickle of tensors may name.
[<RequireQualifiedAccess>]
type PickledGlobal =
    /// `torch._utils._rebuild_tensor_v2`: makes a tensor of a storage.
    | RebuildTensor
    /// `collections.OrderedDict`.
    | OrderedDict
    /// The class of a storage, such as `torch.FloatStorage`, by safetensors' name of its type.
    | Storage of dtype: string

/// Everything that a pickle of tensors may hold. Lists and dictionaries are filled while the pickle is read.
[<RequireQualifiedAccess>]
type Pickled =
    /// None.
    | Null
    /// True or False.
    | Flag of bool
    /// An int.
    | Number of int64
    /// A str.
    | Text of string
    /// A tuple.
    | Tuple of Pickled list
    /// A list.
    | List of List<Pickled>
    /// A dict, its pairs in the order in which they came.
    | Dict of List<KeyValuePair<Pickled, Pickled>>
    /// A function or class by its name.
    | Global of PickledGlobal
    /// A block of the file.
    | Storage of PickledStorage
    /// A tensor that was built.
    | Tensor of PickledTensor

/// Reads what Python's pickle module wrote of a dictionary of PyTorch tensors. A pickle is a program for a stack machine that
/// can call any function by its name; this machine knows the instructions that such a dictionary takes (protocol 2) and the
/// few names in `globals`, builds descriptions of tensors, and refuses everything else. It calls nothing.
[<RequireQualifiedAccess>]
module Pickle =

    let private bad sentence = raise (InvalidDataException sentence)

    let private globals =
        Map [
            "torch._utils _rebuild_tensor_v2", PickledGlobal.RebuildTensor
            "collections OrderedDict", PickledGlobal.OrderedDict
            "torch FloatStorage", PickledGlobal.Storage "F32"
            "torch HalfStorage", PickledGlobal.Storage "F16"
            "torch BFloat16Storage", PickledGlobal.Storage "BF16"
            "torch DoubleStorage", PickledGlobal.Storage "F64"
            "torch LongStorage", PickledGlobal.Storage "I64"
            "torch IntStorage", PickledGlobal.Storage "I32"
            "torch ShortStorage", PickledGlobal.Storage "I16"
            "torch CharStorage", PickledGlobal.Storage "I8"
            "torch ByteStorage", PickledGlobal.Storage "U8"
            "torch BoolStorage", PickledGlobal.Storage "BOOL"
        ]

    /// The bytes of a pickle and how far they were read.
    type private Source(bytes: byte[], first: int) =
        let mutable position = first

        member _.Position = position

        member _.Take(count: int) : ReadOnlySpan<byte> =
            if count < 0 || count > bytes.Length - position then
                bad $"the pickle ends in the middle of an instruction at byte {position}"

            position <- position + count
            ReadOnlySpan(bytes, position - count, count)

        member source.Byte() : int = int (source.Take(1)[0])
        member source.Int16() : int = int (BinaryPrimitives.ReadUInt16LittleEndian(source.Take 2))
        member source.Int32() : int = BinaryPrimitives.ReadInt32LittleEndian(source.Take 4)

        member source.Line() : string =
            let length = Array.IndexOf(bytes, byte '\n', position) - position
            let text = Encoding.UTF8.GetString(source.Take length)
            source.Byte() |> ignore
            text

        /// A whole number of so many bytes, the sign in the last one.
        member source.Long() : int64 =
            let size = source.Byte()

            if size > 8 then
                bad $"the pickle holds a number of {size} bytes; 8 are the most"

            let mutable value = 0L
            let digits = source.Take size

            for i in 0 .. size - 1 do
                value <- value ||| (int64 digits[i] <<< (8 * i))

            if size > 0 && size < 8 && digits[size - 1] >= 128uy then
                value - (1L <<< (8 * size))
            else
                value

    /// How many axes a tensor of PyTorch's has at most. A pickle can name one long tuple many times, of which no copies are made.
    let private mostAxes = 64

    let private numbers (values: Pickled list) : int64 list option =
        if (List.truncate (mostAxes + 1) values).Length > mostAxes then
            bad $"the pickle holds a tensor of more than {mostAxes} axes"

        let all =
            values
            |> List.choose (function
                | Pickled.Number n -> Some n
                | _ -> None)

        if all.Length = values.Length then Some all else None

    /// What a persistent id stands for: a storage. Files from before PyTorch 1.6 say a sixth thing, which must be nothing.
    let private storage (id: Pickled) : Pickled =
        match id with
        | Pickled.Tuple(Pickled.Text "storage" :: Pickled.Global(PickledGlobal.Storage dtype) :: Pickled.Text key :: Pickled.Text _ :: Pickled.Number count :: ([] | [ Pickled.Null ])) ->
            Pickled.Storage {
                Key = key
                Dtype = dtype
                Count = count
            }
        | _ -> bad "the pickle refers to something outside itself that is not a tensor's storage"

    let private call (callee: Pickled) (arguments: Pickled) : Pickled =
        match callee, arguments with
        | Pickled.Global PickledGlobal.OrderedDict, Pickled.Tuple [] -> Pickled.Dict(List())
        | Pickled.Global PickledGlobal.RebuildTensor,
          Pickled.Tuple(Pickled.Storage storage :: Pickled.Number offset :: Pickled.Tuple shape :: Pickled.Tuple strides :: _) ->
            match numbers shape, numbers strides with
            | Some shape, Some strides ->
                Pickled.Tensor {
                    Storage = storage
                    Offset = offset
                    Shape = shape
                    Strides = strides
                }
            | _ -> bad "the pickle holds a tensor whose shape is not made of numbers"
        | _ -> bad "the pickle makes a call that is not the making of a tensor or of a dictionary"

    /// What has been read and not yet used. A mark sets the stack aside until what follows is gathered.
    type private Machine() =
        let mutable stack = Stack<Pickled>()
        let aside = Stack<Stack<Pickled>>()
        let memo = Dictionary<int, Pickled>()

        member _.Push value = stack.Push value

        member _.Pop() : Pickled =
            match stack.TryPop() with
            | true, value -> value
            | _ -> bad "the pickle takes something from an empty stack"

        member _.Mark() =
            if aside.Count = 100 then
                bad "the pickle is nested more than 100 deep"

            aside.Push stack
            stack <- Stack()

        /// Everything since the last mark, in order.
        member _.Gather() : Pickled list =
            match aside.TryPop() with
            | true, before ->
                let gathered = stack |> Seq.fold (fun list value -> value :: list) []
                stack <- before
                gathered
            | _ -> bad "the pickle gathers what no mark was set for"

        member machine.PopMany(count: int) : Pickled list = List.init count (fun _ -> machine.Pop()) |> List.rev

        member machine.Remember index =
            let value = machine.Pop()
            memo[index] <- value
            machine.Push value

        member machine.Recall index =
            match memo.TryGetValue index with
            | true, value -> machine.Push value
            | _ -> bad $"the pickle recalls number {index}, which it never remembered"

        /// Adds keys and values, one after the other, to the dictionary on the stack.
        member machine.Enter(items: Pickled list) =
            match machine.Pop() with
            | Pickled.Dict entries as dictionary when items.Length % 2 = 0 ->
                for pair in List.chunkBySize 2 items do
                    entries.Add(KeyValuePair(pair[0], pair[1]))

                machine.Push dictionary
            | _ -> bad "the pickle enters items into something that is no dictionary"

        member machine.Append(items: Pickled list) =
            match machine.Pop() with
            | Pickled.List entries as list ->
                entries.AddRange items
                machine.Push list
            | _ -> bad "the pickle appends items to something that is no list"

        /// A dictionary's attributes, such as the versions of its modules: they say nothing of tensors.
        member machine.Build() =
            machine.Pop() |> ignore

            match machine.Pop() with
            | Pickled.Dict _ as dictionary -> machine.Push dictionary
            | _ -> bad "the pickle sets the state of something that is no dictionary"

    let private readGlobal (source: Source) : Pickled =
        let owner = source.Line()
        let name = source.Line()

        match Map.tryFind $"{owner} {name}" globals with
        | Some known -> Pickled.Global known
        | None -> bad $"the pickle names {owner}.{name}; tensors take no such thing, and nothing of it was executed"

    let private step (source: Source) (machine: Machine) (opcode: int) : unit =
        match char opcode with
        | '\x80' ->
            match source.Byte() with
            | 2 -> ()
            | other -> bad $"the pickle is of protocol {other}; PyTorch writes protocol 2"
        | 'c' -> machine.Push(readGlobal source)
        | 'q' -> machine.Remember(source.Byte())
        | 'r' -> machine.Remember(source.Int32())
        | 'h' -> machine.Recall(source.Byte())
        | 'j' -> machine.Recall(source.Int32())
        | 'X' -> machine.Push(Pickled.Text(Encoding.UTF8.GetString(source.Take(source.Int32()))))
        | 'J' -> machine.Push(Pickled.Number(int64 (source.Int32())))
        | 'K' -> machine.Push(Pickled.Number(int64 (source.Byte())))
        | 'M' -> machine.Push(Pickled.Number(int64 (source.Int16())))
        | '\x8a' -> machine.Push(Pickled.Number(source.Long()))
        | 'N' -> machine.Push Pickled.Null
        | '\x88' -> machine.Push(Pickled.Flag true)
        | '\x89' -> machine.Push(Pickled.Flag false)
        | '}' -> machine.Push(Pickled.Dict(List()))
        | ']' -> machine.Push(Pickled.List(List()))
        | ')' -> machine.Push(Pickled.Tuple [])
        | '\x85' -> machine.Push(Pickled.Tuple(machine.PopMany 1))
        | '\x86' -> machine.Push(Pickled.Tuple(machine.PopMany 2))
        | '\x87' -> machine.Push(Pickled.Tuple(machine.PopMany 3))
        | '(' -> machine.Mark()
        | 't' -> machine.Push(Pickled.Tuple(machine.Gather()))
        | 'u' -> machine.Enter(machine.Gather())
        | 's' -> machine.Enter(machine.PopMany 2)
        | 'e' -> machine.Append(machine.Gather())
        | 'a' -> machine.Append(machine.PopMany 1)
        | 'b' -> machine.Build()
        | 'Q' -> machine.Push(storage (machine.Pop()))
        | 'R' ->
            let arguments = machine.Pop()
            machine.Push(call (machine.Pop()) arguments)
        | _ -> bad $"the pickle holds the instruction 0x%02X{opcode}, which tensors do not take"

    /// The value of the pickle that begins at `first`, and where it ends. Raises InvalidDataException with a sentence that
    /// says what was refused.
    let read (bytes: byte[]) (first: int) : struct (Pickled * int) =
        let source = Source(bytes, first)
        let machine = Machine()
        let mutable opcode = source.Byte()

        while opcode <> int '.' do
            step source machine opcode
            opcode <- source.Byte()

        struct (machine.Pop(), source.Position)

    /// The tensors of a dictionary by their names, in its order. Raises InvalidDataException for another value.
    let tensors (value: Pickled) : (string * PickledTensor) list =
        match value with
        | Pickled.Dict entries -> [
            for entry in entries do
                match entry.Key, entry.Value with
                | Pickled.Text name, Pickled.Tensor tensor -> name, tensor
                | Pickled.Text name, _ -> bad $"{name} is no tensor; a checkpoint is one dictionary of tensors"
                | _ -> bad "the checkpoint is a dictionary whose keys are not all texts"
          ]
        | _ -> bad "the checkpoint is no dictionary of tensors"
