using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Chooses between the direct form and Winograd's for the convolutions of one model: as measured here where the two
/// are close and the time for it is left, else as modelled. A shape keeps its choice in all instances of the model.
/// Thread-safe.
/// </summary>
internal sealed class ConvolutionTuner(KernelTuning tuning)
{
    private const int Rounds = 3;

    // Beyond these ratios of modelled times no measurement has said otherwise.
    private const double CloseMin = 0.5;
    private const double CloseMax = 1.9;

    // Packing weights only to measure them must stay cheap.
    private const long WeightBytesMax = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, bool> _chosen = [];
    private TimeSpan _left = tuning.Budget;

    /// <param name="problem">A convolution that has both forms.</param>
    /// <param name="client">Whose memory a measurement takes meanwhile.</param>
    public bool PrefersWinograd(Problem problem, DeviceClient client)
    {
        lock (_lock)
        {
            if (!_chosen.TryGetValue(problem.Shape, out var prefers))
            {
                _chosen.Add(problem.Shape, prefers = Choose_NeedsLock(problem, client));
            }

            return prefers;
        }
    }

    private bool Choose_NeedsLock(Problem problem, DeviceClient client)
    {
        if (problem.Advantage is < CloseMin or > CloseMax)
        {
            return problem.IsModelledFaster;
        }

        if (tuning.PrefersWinograd(problem.Shape) is { } known)
        {
            return known;
        }

        if (problem.WinogradBytes <= WeightBytesMax && problem.Expected * (2 * (Rounds + 1)) <= _left)
        {
            var began = tuning.Clock.GetTimestamp();
            try
            {
                Measure(problem, client);
            }
            catch (DeviceException)
            {
                // No memory to spare for a measurement.
            }

            _left -= tuning.Clock.GetElapsedTime(began);
        }

        return tuning.PrefersWinograd(problem.Shape) ?? problem.IsModelledFaster;
    }

    private void Measure(Problem problem, DeviceClient client)
    {
        using var x = client.Device.Allocate(problem.InputCount * sizeof(float), client);
        using var y = client.Device.Allocate(problem.OutputCount * sizeof(float), client);
        var input = TensorRef.Dense(x, 0, sizeof(float), problem.Input);
        var output = TensorRef.Dense(y, 0, sizeof(float), problem.Output);
        var zeros = new Zeros(problem.WeightCount);
        using var plain = ConvolutionWeights.Pack(zeros, problem.Weights, []);
        using var transformed = WinogradWeights.Pack(
            zeros, problem.Weights.OutputChannels, problem.Weights.InputChannelsPerGroup, []);
        var direct = Convolution.Create("direct", input, plain, output, problem.Geometry, Epilogue.None)[0];
        var winograd = Convolution.CreateWinograd(
            "winograd", input, transformed, output, problem.Geometry, Epilogue.None);
        var scratch = Math.Max(direct.ScratchBytes, winograd.ScratchBytes);
        if (scratch > client.Device.ScratchBytes)
        {
            return;
        }

        using var context = BlockContext.CreateUndisturbed((int)scratch);
        var (directUs, winogradUs) = (double.MaxValue, double.MaxValue);
        Run(direct, context);
        Run(winograd, context);
        for (var round = 0; round < Rounds; round++)
        {
            // The shortest of several: whoever else runs only adds.
            directUs = Math.Min(directUs, Run(direct, context));
            winogradUs = Math.Min(winogradUs, Run(winograd, context));
        }

        tuning.Note(problem.Shape, directUs, winogradUs);
    }

    private double Run(CpuKernel kernel, BlockContext context)
    {
        var began = tuning.Clock.GetTimestamp();
        for (var block = 0; block < kernel.Blocks; block++)
        {
            kernel.RunBlock(block, context);
        }

        return Math.Max(0.1, tuning.Clock.GetElapsedTime(began).TotalMicroseconds);
    }

    /// <summary>Weights of which no value matters.</summary>
    private sealed class Zeros(long count) : FloatSource
    {
        private float[] _zeros = [];

        public override long Count => count;

        public override ReadOnlySpan<float> Read(long start, int count)
        {
            if (_zeros.Length < count)
            {
                _zeros = new float[count];
            }

            return _zeros.AsSpan(0, count);
        }
    }

    /// <summary>One convolution by 3x3 filters of stride 1: [N, H, W, C] of both images.</summary>
    public sealed record Problem(int[] Input, int[] Output, WeightShape Weights, ConvolutionGeometry Geometry)
    {
        /// <summary>What times depend on.</summary>
        public string Shape => $"conv3x3 {string.Join('x', Input)} {string.Join('x', Output)}";

        public double Advantage => WinogradWeights.Advantage(
            Weights.InputChannelsPerGroup, Weights.OutputChannels, Output);

        public bool IsModelledFaster => Advantage > WinogradWeights.AdvantageMin;

        public long InputCount => Count(Input);

        public long OutputCount => Count(Output);

        public long WeightCount => (long)Weights.OutputChannels * Weights.InputChannelsPerGroup * 9;

        public long WinogradBytes => WeightCount * 4 * sizeof(float);

        /// <summary>One run of the direct form at 100 GFLOP/s.</summary>
        public TimeSpan Expected => TimeSpan.FromMicroseconds(
            2e-5 * 9 * OutputCount * Weights.InputChannelsPerGroup);

        private static long Count(int[] shape) => shape.Aggregate(1L, (count, size) => count * size);
    }
}
