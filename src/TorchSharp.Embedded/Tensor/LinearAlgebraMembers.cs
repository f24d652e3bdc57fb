namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The product of vectors, matrices or stacks of matrices; leading axes broadcast.</summary>
        public Tensor matmul(Tensor target) => new(MatMul.Product(Impl, target.Impl));

        /// <summary>The product of two matrices.</summary>
        public Tensor mm(Tensor target) => new(MatMul.Matrices(Impl, target.Impl));

        /// <summary>The products of two equally long stacks of matrices.</summary>
        public Tensor bmm(Tensor batch2) => new(MatMul.Batches(Impl, batch2.Impl));

        /// <summary>The product of two vectors, one number.</summary>
        public Tensor dot(Tensor target) => new(MatMul.Dot(Impl, target.Impl));

        /// <summary>All products of the elements of two vectors, a matrix.</summary>
        public Tensor outer(Tensor vec2) => new(MatMul.Outer(Impl, vec2.Impl));
    }
}
