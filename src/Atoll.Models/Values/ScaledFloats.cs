using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// The floats of a tensor, each times a factor in double precision: runs of a length share one factor.
/// </summary>
internal sealed class ScaledFloats(Tensor tensor, long run, Func<long, double> factorOf, double then)
    : TensorSource
{
    public override long ByteCount => tensor.ByteCount;

    public override void Read(long start, Span<byte> target)
    {
        tensor.CopyTo(start, target);
        var values = MemoryMarshal.Cast<byte, float>(target);
        var at = start / sizeof(float);
        while (!values.IsEmpty)
        {
            var length = (int)Math.Min(values.Length, run - (at % run));
            var factor = factorOf(at / run);
            foreach (ref var value in values[..length])
            {
                value = (float)(value * factor * then);
            }

            values = values[length..];
            at += length;
        }
    }
}
