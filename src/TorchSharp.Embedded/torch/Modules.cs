namespace TorchSharp.Modules;

/// <summary>The forms of the Gaussian error linear unit. The module itself is not in the embedded engine: see nn.functional.gelu.</summary>
public sealed class GELU
{
    private GELU()
    {
    }

    /// <summary>By the error function, or by the hyperbolic tangent.</summary>
    public enum Approximate
    {
        /// <summary>Exactly, by the error function.</summary>
        none = 0,

        /// <summary>By the hyperbolic tangent, as GPT-2 has it.</summary>
        tanh = 1,
    }
}
