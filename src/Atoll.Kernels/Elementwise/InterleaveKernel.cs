using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Copies images of three planes to pixels of three floats side by side, sixteen pixels at a time: what comes first of
/// all where a model's input has its channels first.
/// </summary>
internal sealed unsafe class InterleaveKernel : CpuKernel
{
    private const int Channels = 3;
    private const int PixelsPerBlock = 8192;
    private const int RunMaximum = 1024;

    private readonly float* _x;
    private readonly float* _y;
    private readonly long _image;
    private readonly long _plane;
    private readonly long _pixels;
    private readonly int _perImage;

    private InterleaveKernel(string name, TensorRef x, TensorRef y, int perImage)
        : base(name, x.Shape[0] * perImage, [x.Reads(), y.Writes()])
    {
        (_image, _plane, _pixels, _perImage) = (x.Strides[0], x.Strides[1], y.Count / x.Shape[0] / Channels, perImage);
        _x = (float*)x.Pointer;
        _y = (float*)y.Pointer;
    }

    public override double EstimatedBlockMicroseconds => _pixels * 0.001 / _perImage;

    /// <summary>Null where x (N, 3, H, W) has other strides than dense planes, or y others than dense pixels.</summary>
    public static InterleaveKernel? TryCreate(string name, TensorRef x, TensorRef y)
    {
        if (SimdSupport.Current != SimdLevel.Vector512 || x.Rank != 4 || x.Shape[1] != Channels || x.ElementBytes != 4
            || x.Count == 0 || x.Strides[3] != 1 || x.Strides[2] != x.Shape[3]
            || y.Strides[1] != 1 || y.Strides[3] != Channels || y.Strides[2] != Channels * (long)y.Shape[3]
            || y.Strides[0] != y.Strides[2] * y.Shape[2])
        {
            return null;
        }

        var pixels = (long)x.Shape[2] * x.Shape[3];
        return new InterleaveKernel(name, x, y, (int)Math.Clamp(pixels / PixelsPerBlock, 1, 64));
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var (image, part) = Math.DivRem(block, _perImage);
        var last = _pixels * (part + 1) / _perImage;
        float* source = _x + image * _image, target = _y + image * _pixels * Channels;
        for (var first = _pixels * part / _perImage; first < last; first += RunMaximum)
        {
            Run(source + first, target + first * Channels, (int)Math.Min(RunMaximum, last - first));
            if (context.Yield())
            {
                return;
            }
        }
    }

    private void Run(float* a, float* y, int count)
    {
        float* b = a + _plane, c = b + _plane;
        var pixel = 0;
        for (; pixel + 16 <= count; pixel += 16, y += 48)
        {
            Vector512<float> va = Vector512.Load(a + pixel), vb = Vector512.Load(b + pixel),
                vc = Vector512.Load(c + pixel);
            Mix(va, vb, vc, 0).Store(y);
            Mix(va, vb, vc, 16).Store(y + 16);
            Mix(va, vb, vc, 32).Store(y + 32);
        }

        for (; pixel < count; pixel++, y += Channels)
        {
            (y[0], y[1], y[2]) = (a[pixel], b[pixel], c[pixel]);
        }
    }

    /// <summary>Elements first to first + 15 of 48: element i is lane i / 3 of plane i % 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mix(
        Vector512<float> a, Vector512<float> b, Vector512<float> c, int first)
    {
        var (lanes, planes) = first switch
        {
            0 => (Vector512.Create(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5),
                Vector512.Create(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15)),
            16 => (Vector512.Create(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26),
                Vector512.Create(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15)),
            _ => (Vector512.Create(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0),
                Vector512.Create(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31)),
        };
        return Avx512F.PermuteVar16x32x2(Avx512F.PermuteVar16x32x2(a, lanes, b), planes, c);
    }
}
