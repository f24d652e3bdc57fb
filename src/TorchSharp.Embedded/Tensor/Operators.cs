namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, Tensor right) => new(Arithmetic.Add(left.Impl, right.Impl));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, Scalar right) => new(Arithmetic.Add(left.Impl, right));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Scalar left, Tensor right) => new(Arithmetic.Add(right.Impl, left));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, double right) => new(Arithmetic.Add(left.Impl, right));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(double left, Tensor right) => new(Arithmetic.Add(right.Impl, left));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, float right) => new(Arithmetic.Add(left.Impl, right));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(float left, Tensor right) => new(Arithmetic.Add(right.Impl, left));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, long right) => new(Arithmetic.Add(left.Impl, right));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(long left, Tensor right) => new(Arithmetic.Add(right.Impl, left));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(Tensor left, int right) => new(Arithmetic.Add(left.Impl, right));

        /// <summary>The sum; shapes broadcast, types mix.</summary>
        public static Tensor operator +(int left, Tensor right) => new(Arithmetic.Add(right.Impl, left));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, Tensor right) => new(Arithmetic.Sub(left.Impl, right.Impl));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, Scalar right) => new(Arithmetic.Sub(left.Impl, right));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Scalar left, Tensor right) => new(Arithmetic.SubFrom(right.Impl, left));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, double right) => new(Arithmetic.Sub(left.Impl, right));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(double left, Tensor right) => new(Arithmetic.SubFrom(right.Impl, left));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, float right) => new(Arithmetic.Sub(left.Impl, right));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(float left, Tensor right) => new(Arithmetic.SubFrom(right.Impl, left));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, long right) => new(Arithmetic.Sub(left.Impl, right));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(long left, Tensor right) => new(Arithmetic.SubFrom(right.Impl, left));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(Tensor left, int right) => new(Arithmetic.Sub(left.Impl, right));

        /// <summary>The difference; shapes broadcast, types mix.</summary>
        public static Tensor operator -(int left, Tensor right) => new(Arithmetic.SubFrom(right.Impl, left));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, Tensor right) => new(Arithmetic.Mul(left.Impl, right.Impl));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, Scalar right) => new(Arithmetic.Mul(left.Impl, right));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Scalar left, Tensor right) => new(Arithmetic.Mul(right.Impl, left));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, double right) => new(Arithmetic.Mul(left.Impl, right));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(double left, Tensor right) => new(Arithmetic.Mul(right.Impl, left));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, float right) => new(Arithmetic.Mul(left.Impl, right));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(float left, Tensor right) => new(Arithmetic.Mul(right.Impl, left));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, long right) => new(Arithmetic.Mul(left.Impl, right));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(long left, Tensor right) => new(Arithmetic.Mul(right.Impl, left));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(Tensor left, int right) => new(Arithmetic.Mul(left.Impl, right));

        /// <summary>The product, element by element; shapes broadcast, types mix.</summary>
        public static Tensor operator *(int left, Tensor right) => new(Arithmetic.Mul(right.Impl, left));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, Tensor right) => new(Arithmetic.Div(left.Impl, right.Impl));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, Scalar right) => new(Arithmetic.Div(left.Impl, right));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Scalar left, Tensor right) => new(Arithmetic.DivInto(right.Impl, left));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, double right) => new(Arithmetic.Div(left.Impl, right));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(double left, Tensor right) => new(Arithmetic.DivInto(right.Impl, left));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, float right) => new(Arithmetic.Div(left.Impl, right));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(float left, Tensor right) => new(Arithmetic.DivInto(right.Impl, left));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, long right) => new(Arithmetic.Div(left.Impl, right));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(long left, Tensor right) => new(Arithmetic.DivInto(right.Impl, left));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(Tensor left, int right) => new(Arithmetic.Div(left.Impl, right));

        /// <summary>The quotient, also of whole numbers as reals; shapes broadcast.</summary>
        public static Tensor operator /(int left, Tensor right) => new(Arithmetic.DivInto(right.Impl, left));

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, Tensor right) => left.remainder(right);

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, Scalar right) => left.remainder(right);

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, double right) => left.remainder(right);

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, float right) => left.remainder(right);

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, long right) => left.remainder(right);

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public static Tensor operator %(Tensor left, int right) => left.remainder(right);

        /// <summary>-x.</summary>
        public static Tensor operator -(Tensor tensor) => tensor.neg();

        /// <summary>The other truth value, or all bits turned.</summary>
        public static Tensor operator ~(Tensor left) => left.bitwise_not();

        /// <summary>Both, of truth values or of the bits of whole numbers.</summary>
        public static Tensor operator &(Tensor left, Tensor right) => left.bitwise_and(right);

        /// <summary>Either, of truth values or of the bits of whole numbers.</summary>
        public static Tensor operator |(Tensor left, Tensor right) => left.bitwise_or(right);

        /// <summary>Exactly one, of truth values or of the bits of whole numbers.</summary>
        public static Tensor operator ^(Tensor left, Tensor right) => left.bitwise_xor(right);

        /// <summary>Where the element is equal, as bool.</summary>
        public static Tensor operator ==(Tensor left, Tensor right) => left.eq(right);

        /// <summary>Where the element is equal, as bool.</summary>
        public static Tensor operator ==(Tensor left, Scalar right) => left.eq(right);

        /// <summary>Where the number is equal, as bool.</summary>
        public static Tensor operator ==(Scalar left, Tensor right) => right.eq(left);

        /// <summary>Where the element is different, as bool.</summary>
        public static Tensor operator !=(Tensor left, Tensor right) => left.ne(right);

        /// <summary>Where the element is different, as bool.</summary>
        public static Tensor operator !=(Tensor left, Scalar right) => left.ne(right);

        /// <summary>Where the number is different, as bool.</summary>
        public static Tensor operator !=(Scalar left, Tensor right) => right.ne(left);

        /// <summary>Where the element is smaller, as bool.</summary>
        public static Tensor operator <(Tensor left, Tensor right) => left.lt(right);

        /// <summary>Where the element is smaller, as bool.</summary>
        public static Tensor operator <(Tensor left, Scalar right) => left.lt(right);

        /// <summary>Where the number is smaller, as bool.</summary>
        public static Tensor operator <(Scalar left, Tensor right) => right.gt(left);

        /// <summary>Where the element is smaller or equal, as bool.</summary>
        public static Tensor operator <=(Tensor left, Tensor right) => left.le(right);

        /// <summary>Where the element is smaller or equal, as bool.</summary>
        public static Tensor operator <=(Tensor left, Scalar right) => left.le(right);

        /// <summary>Where the number is smaller or equal, as bool.</summary>
        public static Tensor operator <=(Scalar left, Tensor right) => right.ge(left);

        /// <summary>Where the element is larger, as bool.</summary>
        public static Tensor operator >(Tensor left, Tensor right) => left.gt(right);

        /// <summary>Where the element is larger, as bool.</summary>
        public static Tensor operator >(Tensor left, Scalar right) => left.gt(right);

        /// <summary>Where the number is larger, as bool.</summary>
        public static Tensor operator >(Scalar left, Tensor right) => right.lt(left);

        /// <summary>Where the element is larger or equal, as bool.</summary>
        public static Tensor operator >=(Tensor left, Tensor right) => left.ge(right);

        /// <summary>Where the element is larger or equal, as bool.</summary>
        public static Tensor operator >=(Tensor left, Scalar right) => left.ge(right);

        /// <summary>Where the number is larger or equal, as bool.</summary>
        public static Tensor operator >=(Scalar left, Tensor right) => right.le(left);

        /// <summary>The value of a tensor of one element, converted.</summary>
        public static explicit operator float(Tensor value) => value.ToScalar().ToSingle();

        /// <summary>The value of a tensor of one element, converted.</summary>
        public static explicit operator double(Tensor value) => value.ToScalar().ToDouble();

        /// <summary>The value of a tensor of one element, converted.</summary>
        public static explicit operator long(Tensor value) => value.ToScalar().ToInt64();

        /// <summary>The value of a tensor of one element, converted.</summary>
        public static explicit operator int(Tensor value) => value.ToScalar().ToInt32();

        /// <summary>The value of a tensor of one element, converted.</summary>
        public static explicit operator bool(Tensor value) => value.ToScalar().ToBoolean();
    }
}
