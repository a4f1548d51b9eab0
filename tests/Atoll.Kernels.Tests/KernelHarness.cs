using Atoll.Devices;

namespace Atoll.Kernels.Tests;

/// <summary>
/// Runs kernels on random data and checks what every kernel promises: any block order, any abandoned and repeated and
/// any interrupted block gives the same bits, and nothing but the elements of the output changes.
/// </summary>
internal sealed unsafe class KernelHarness : IDisposable
{
    private static readonly CpuDevice Device = new(new CpuDeviceOptions { Units = 1 });
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<IDisposable> _owned = [];

    public KernelHarness(SimdLevel level, int seed)
    {
        Assert.SkipWhen(level > SimdSupport.Best, $"this processor has no {level}");
        SimdSupport.Force(level);
        Random = new Random(seed);
    }

    public Random Random { get; }

    public static TheoryData<SimdLevel> Levels => [SimdLevel.Scalar, SimdLevel.Vector256, SimdLevel.Vector512];

    public float[] Values(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => Random.NextSingle() * 4 - 2)];

    public T Own<T>(T disposable) where T : IDisposable
    {
        _owned.Add(disposable);
        return disposable;
    }

    /// <summary>
    /// A view with random values and <paramref name="gap"/> unused elements after each line of the last axis.
    /// </summary>
    public TensorRef Floats(int gap, params int[] shape)
    {
        int[] whole = shape.Length == 0 ? [] : [.. shape[..^1], shape[^1] + gap];
        var view = Allocate(sizeof(float), whole);
        Write(view, Values(view.Count));
        return shape.Length == 0 ? view : view.Slice(shape.Length - 1, Random.Next(gap + 1), shape[^1]);
    }

    /// <summary>As <see cref="Floats"/>, with the axes lying in memory in a random order.</summary>
    public TensorRef Shuffled(params int[] shape)
    {
        int[] order = [.. Enumerable.Range(0, shape.Length)];
        Random.Shuffle(order);
        var view = Floats(Random.Next(3), [.. order.Select(axis => shape[axis])]);
        return view.Permute([.. order.Select((_, axis) => Array.IndexOf(order, axis))]);
    }

    public TensorRef Of<T>(T[] values, params int[] shape) where T : unmanaged
    {
        var view = Allocate(sizeof(T), shape);
        Write(view, values);
        return view;
    }

    public TensorRef Allocate(int elementBytes, params int[] shape)
    {
        var count = shape.Aggregate(1L, (product, size) => product * size);
        var buffer = Device.Allocate(count * elementBytes + 128);
        _buffers.Add(buffer);
        Random.NextBytes(new Span<byte>(buffer.Pointer, (int)buffer.Length));
        return TensorRef.Dense(buffer, 64, elementBytes, shape);
    }

    public static T[] Read<T>(TensorRef view) where T : unmanaged
    {
        var values = new T[view.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = *(T*)Element(view, i);
        }

        return values;
    }

    public static void Write<T>(TensorRef view, T[] values) where T : unmanaged
    {
        for (var i = 0; i < values.Length; i++)
        {
            *(T*)Element(view, i) = values[i];
        }
    }

    /// <summary>Runs the kernels in order and returns y; fails where a promise is broken.</summary>
    public T[] Run<T>(TensorRef y, params IReadOnlyList<CpuKernel> kernels) where T : unmanaged
    {
        var before = Snapshot();
        using (var context = ContextFor(kernels))
        {
            foreach (var kernel in kernels)
            {
                for (var block = 0; block < kernel.Blocks; block++)
                {
                    RunBlock(kernel, block, context);
                }
            }
        }

        var result = Read<T>(y);
        Write(y, result);
        var after = Snapshot();
        Restore(before);
        RunDisturbed(kernels);
        AssertSame(after, "a repeated block or another order gives other bits");
        Restore(before);
        RunInterrupted(kernels);
        AssertSame(after, "a block that other work interrupts gives other bits");
        Restore(after);
        CheckUntouched(before, y);
        return result;
    }

    public static void Near(float[] expected, float[] actual, double tolerance = 2e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var same = expected[i].Equals(actual[i]) || Math.Abs((double)expected[i] - actual[i])
                <= tolerance * (1 + Math.Abs((double)expected[i]));
            Assert.True(same, $"element {i}: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    public void Dispose()
    {
        SimdSupport.Force(null);
        ByteMicroKernels.Force(null);
        _buffers.ForEach(buffer => buffer.Dispose());
        _owned.ForEach(owned => owned.Dispose());
    }

    /// <summary>Blocks in random order, some left at a random yield point first.</summary>
    private void RunDisturbed(IReadOnlyList<CpuKernel> kernels)
    {
        using var context = ContextFor(kernels);
        foreach (var kernel in kernels)
        {
            int[] order = [.. Enumerable.Range(0, kernel.Blocks)];
            Random.Shuffle(order);
            for (var i = 0; i < order.Length; i++)
            {
                if (i < 20)
                {
                    using var leaving = BlockContext.CreateLeaving(
                        Random.Next(1 << Random.Next(10)), (int)kernel.ScratchBytes + 64);
                    RunBlock(kernel, order[i], leaving);
                }

                RunBlock(kernel, order[i], context);
            }
        }
    }

    /// <summary>Every yield point finds the unit wanted, and goes on.</summary>
    private static void RunInterrupted(IReadOnlyList<CpuKernel> kernels)
    {
        var scratch = (int)kernels.Max(kernel => kernel.ScratchBytes);
        using var context = new StretchRecorder(TimeProvider.System, scratch + 64);
        foreach (var kernel in kernels)
        {
            for (var block = 0; block < kernel.Blocks; block++)
            {
                RunBlock(kernel, block, context);
            }
        }
    }

    private static void RunBlock(CpuKernel kernel, int block, BlockContext context)
    {
        Assert.InRange(kernel.ScratchBytes, 0L, 4L << 20);
        // Not-a-number everywhere: a read of something never written shows.
        new Span<byte>(context.Scratch, (int)kernel.ScratchBytes).Fill(0xff);
        var guard = new Span<byte>(context.Scratch + kernel.ScratchBytes, 64);
        guard.Fill(0x5a);
        kernel.RunBlock(block, context);
        Assert.True(guard.IndexOfAnyExcept((byte)0x5a) < 0, $"{kernel.Name} writes beyond its scratch memory");
    }

    private void CheckUntouched(byte[][] before, TensorRef y)
    {
        var index = _buffers.FindIndex(buffer => ReferenceEquals(buffer, y.Buffer));
        for (var i = 0L; i < y.Count; i++)
        {
            var at = Element(y, i) - y.Buffer.Pointer;
            new Span<byte>(before[index], (int)at,
                y.ElementBytes).CopyTo(new Span<byte>(y.Buffer.Pointer + at, y.ElementBytes));
        }

        AssertSame(before, "something other than the output changed");
    }

    private static BlockContext ContextFor(IReadOnlyList<CpuKernel> kernels) =>
        BlockContext.CreateUndisturbed((int)kernels.Max(kernel => kernel.ScratchBytes) + 64);

    private void AssertSame(byte[][] expected, string what)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var actual = new ReadOnlySpan<byte>(_buffers[i].Pointer, (int)_buffers[i].Length);
            Assert.True(actual.SequenceEqual(expected[i]), what);
        }
    }

    private byte[][] Snapshot() =>
        [.. _buffers.Select(buffer => new ReadOnlySpan<byte>(buffer.Pointer, (int)buffer.Length).ToArray())];

    private void Restore(byte[][] contents)
    {
        for (var i = 0; i < contents.Length; i++)
        {
            contents[i].CopyTo(new Span<byte>(_buffers[i].Pointer, contents[i].Length));
        }
    }

    private static byte* Element(TensorRef view, long index)
    {
        var offset = 0L;
        for (var axis = view.Rank - 1; axis >= 0; axis--)
        {
            offset += index % view.Shape[axis] * view.Strides[axis];
            index /= view.Shape[axis];
        }

        return view.Pointer + offset * view.ElementBytes;
    }
}
