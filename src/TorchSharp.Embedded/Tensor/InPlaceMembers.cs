namespace TorchSharp;

// Members that change the tensor by others, numbers, places or chance; each returns the tensor itself.
public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Adds another tensor, in place.</summary>
        public Tensor add_(Tensor target)
        {
            InPlace.Add(Impl, target.Impl, 1);
            return this;
        }

        /// <summary>Adds a number, in place.</summary>
        public Tensor add_(Scalar scalar)
        {
            InPlace.Add(Impl, scalar);
            return this;
        }

        /// <summary>Subtracts another tensor, in place.</summary>
        public Tensor sub_(Tensor target)
        {
            InPlace.Sub(Impl, target.Impl);
            return this;
        }

        /// <summary>Subtracts a number, in place.</summary>
        public Tensor sub_(Scalar target)
        {
            InPlace.Sub(Impl, target);
            return this;
        }

        /// <summary>Multiplies by another tensor, in place.</summary>
        public Tensor mul_(Tensor target)
        {
            InPlace.Mul(Impl, target.Impl);
            return this;
        }

        /// <summary>Multiplies by a number, in place.</summary>
        public Tensor mul_(Scalar target)
        {
            InPlace.Mul(Impl, target);
            return this;
        }

        /// <summary>Divides by another tensor, in place; with a mode the quotient is rounded.</summary>
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None)
        {
            Rounding.DivideInPlace(Impl, target.Impl, rounding_mode);
            return this;
        }

        /// <summary>Divides by a number, in place; with a mode the quotient is rounded.</summary>
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None)
        {
            Rounding.DivideInPlace(Impl, target, rounding_mode);
            return this;
        }

        /// <summary>Adds alpha times another tensor, in place.</summary>
        public Tensor add_(Tensor target, Scalar alpha)
        {
            InPlace.Add(Impl, target.Impl, alpha);
            return this;
        }

        /// <summary>Adds value a b, in place.</summary>
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value)
        {
            InPlace.AddProduct(Impl, tensor1.Impl, tensor2.Impl, value, quotient: false);
            return this;
        }

        /// <summary>Adds value a / b, in place.</summary>
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value)
        {
            InPlace.AddProduct(Impl, tensor1.Impl, tensor2.Impl, value, quotient: true);
            return this;
        }

        /// <summary>Goes the part <c>weight</c> of the way to <c>end</c>, in place.</summary>
        public Tensor lerp_(Tensor end, Tensor weight)
        {
            InPlace.Lerp(Impl, end.Impl, weight.Impl);
            return this;
        }

        /// <summary>To a power, in place.</summary>
        public Tensor pow_(Scalar exponent)
        {
            InPlace.By("pow_", Impl, null, x => Power.Pow(x, exponent));
            return this;
        }

        /// <summary>Brings the elements between two bounds, in place.</summary>
        public Tensor clamp_(Scalar? min = null, Scalar? max = null)
        {
            InPlace.By("clamp_", Impl, null, x => Selection.Clamp(x, min, max, "clamp_"));
            return this;
        }

        /// <summary>Brings the elements to a bound at least, in place.</summary>
        public Tensor clamp_min_(Scalar min)
        {
            InPlace.By("clamp_min_", Impl, null, x => Selection.Clamp(x, min, null, "clamp_min_"));
            return this;
        }

        /// <summary>Brings the elements to a bound at most, in place.</summary>
        public Tensor clamp_max_(Scalar max)
        {
            InPlace.By("clamp_max_", Impl, null, x => Selection.Clamp(x, null, max, "clamp_max_"));
            return this;
        }

        /// <summary>Takes the values of another tensor, broadcast and converted.</summary>
        public Tensor copy_(Tensor source, bool nonBlocking = false)
        {
            InPlace.CopyFrom(Impl, source.Impl);
            return this;
        }

        /// <summary>Sets all elements to a value.</summary>
        public Tensor fill_(Scalar value)
        {
            InPlace.FillWith(Impl, value);
            return this;
        }

        /// <summary>Sets all elements to 0.</summary>
        public Tensor zero_()
        {
            InPlace.FillWith(Impl, 0);
            return this;
        }

        /// <summary>Sets the elements where the mask holds to a value.</summary>
        public Tensor masked_fill_(Tensor mask, Scalar value)
        {
            InPlace.By("masked_fill_", Impl, null, x => Selection.MaskedFill(x, mask.Impl, value));
            return this;
        }

        /// <summary>Sets elements at places along an axis.</summary>
        public Tensor scatter_(long dim, Tensor index, Tensor src)
        {
            Scattering.ScatterInPlace(Impl, dim, index.Impl, src.Impl, add: false);
            return this;
        }

        /// <summary>Adds to elements at places along an axis.</summary>
        public Tensor scatter_add_(long dim, Tensor index, Tensor src)
        {
            Scattering.ScatterInPlace(Impl, dim, index.Impl, src.Impl, add: true);
            return this;
        }

        /// <summary>Adds alpha times slices of another tensor along an axis.</summary>
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha)
        {
            Indexing.AddInPlace(Impl, dim, index.Impl, source.Impl, alpha);
            return this;
        }

        /// <summary>Sets slices along an axis to those of another tensor.</summary>
        public Tensor index_copy_(long dim, Tensor index, Tensor source)
        {
            Indexing.PutInPlace(Impl, dim, index.Impl, source.Impl);
            return this;
        }

        /// <summary>Sets the matrices above a diagonal to zero.</summary>
        public Tensor tril_(long diagonal = 0)
        {
            InPlace.By("tril_", Impl, null, x => Selection.Triangle(x, diagonal, lower: true));
            return this;
        }

        /// <summary>Sets the matrices below a diagonal to zero.</summary>
        public Tensor triu_(long diagonal = 0)
        {
            InPlace.By("triu_", Impl, null, x => Selection.Triangle(x, diagonal, lower: false));
            return this;
        }

        /// <summary>Fills with normally distributed reals.</summary>
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null)
        {
            InPlace.Random("normal_", Impl, generator, (y, g) => RandomNumbers.Normal(y, g, mean, std));
            return this;
        }

        /// <summary>Fills with reals of [from, to), all equally likely.</summary>
        public Tensor uniform_(double from, double to, Generator? generator = null)
        {
            InPlace.Random("uniform_", Impl, generator, (y, g) => RandomNumbers.Uniform(y, g, from, to));
            return this;
        }
    }
}
