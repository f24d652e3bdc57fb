namespace TorchSharp;

// Linear algebra. What a function does is said once, at the member of Tensor.
public static partial class torch
{
    /// <summary>The product of vectors, matrices or stacks of matrices; leading axes broadcast.</summary>
    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);

    /// <summary>The product of two matrices.</summary>
    public static Tensor mm(Tensor input, Tensor target) => input.mm(target);

    /// <summary>The products of two equally long stacks of matrices.</summary>
    public static Tensor bmm(Tensor input, Tensor batch2) => input.bmm(batch2);

    /// <summary>The product of two vectors, one number.</summary>
    public static Tensor dot(Tensor input, Tensor other) => input.dot(other);

    /// <summary>All products of the elements of two vectors, a matrix.</summary>
    public static Tensor outer(Tensor input, Tensor vec2) => input.outer(vec2);
}
