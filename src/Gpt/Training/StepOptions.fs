namespace Gpt

/// How a step is computed: what it costs in time and memory. What it learns stays the same, up to rounding.
type StepOptions = {
    /// What the dense layers compute in.
    Precision: Precision
    /// In how many equal parts, one after the other, the windows of a step are computed: the memory that a step takes is that of
    /// one part. At least 1; it divides the number of windows.
    Parts: int
    /// Whether what the blocks compute on the way forward is computed again on the way back, not kept: a third more work,
    /// and the memory of one block in place of all (Chen et al. 2016).
    Recompute: bool
}

[<RequireQualifiedAccess>]
module StepOptions =

    /// In float32, all windows at once, everything kept.
    let plain = {
        Precision = Precision.Float32
        Parts = 1
        Recompute = false
    }

    /// The options themselves, or one sentence that names the one that cannot be used for a step of `batch` windows.
    let validate (batch: int) (options: StepOptions) : Result<StepOptions, string> =
        if options.Parts < 1 then
            Error $"accumulate is {options.Parts}; it must be at least 1"
        elif batch % options.Parts <> 0 then
            Error $"accumulate is {options.Parts}; it must divide the batch of {batch} windows into equal parts"
        else
            Ok options
