using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>One batch through a prefix and its suffixes.</summary>
public sealed class PrefixRunTests
{
    [Fact]
    public async Task A_batch_ends_only_when_all_that_it_started_has_ended_even_if_a_suffix_cannot_start()
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var prefix = Negation();
        using var suffix = Negation();
        var programs = new PrefixPrograms(prefix, [Suffix(suffix), Suffix(null)]);
        using var slots = new PrefixSlots(programs, device.CreateClient("group", device.MemoryBytes));
        slots.Prepare(2);
        using var stream = device.CreateStream(new StreamOptions { QueueCapacity = 4 });
        var run = new PrefixRun(slots);
        var broken = new TwoRequests { Breaks = true };

        var error = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await run.Start(broken, stream, CancellationToken.None));

        Assert.Equal("no room", error.Message);
        Assert.Equal([1f, 0], broken.Answers);
        var whole = new TwoRequests();
        Assert.Equal(InferenceStatus.Completed, (await run.Start(whole, stream, CancellationToken.None)).Status);
        Assert.Equal([1f, -2], whole.Answers);
    }

    private static CompiledModel Negation()
    {
        var graph = new Graph { Name = "negation" };
        var x = new GraphValue("x") { Type = ElementType.Float32, Shape = [-1, 1], DimNames = ["n", null] };
        var y = new GraphValue("y") { Type = ElementType.Float32, Shape = [-1, 1], DimNames = ["n", null] };
        graph.Inputs.Add(x);
        graph.Outputs.Add(y);
        var node = new GraphNode { Name = "neg", Operator = "Neg", Opset = 13, Inputs = [x], Outputs = [y] };
        y.Producer = node;
        graph.Nodes.Add(node);
        return ModelCompiler.Compile(graph);
    }

    /// <param name="program">Null: the model answers what the prefix makes.</param>
    private static PrefixSuffix Suffix(CompiledModel? program) => new()
    {
        Model = "m",
        Outputs = [],
        Program = program,
        Sources = program is null ? [] : [new SuffixSource(IsPrefixOutput: true, 0)],
        Computed = program is null ? [] : [0],
        Made = program is null ? [(0, 0)] : [],
        MaxBatch = 2,
        Share = 0.5,
    };

    /// <summary>A row of 1 for the first model and a row of 2 for the second.</summary>
    private sealed class TwoRequests : ReplicaBatch
    {
        public TwoRequests() => Rows = 2;

        /// <summary>The second model's answer finds no room.</summary>
        public bool Breaks { get; init; }

        public float[] Answers { get; } = new float[2];

        public override int Count => 2;

        public override int RowsOf(int request) => 1;

        public override int MemberOf(int request) => request;

        public override ReadOnlySpan<byte> Input(int request, int input) =>
            MemoryMarshal.AsBytes<float>(new float[] { request + 1 });

        public override bool Wants(int request, int output) => true;

        public override void SetOutput(
            int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data) =>
            Answers[request] = Breaks && request == 1
                ? throw new InvalidOperationException("no room") : MemoryMarshal.Read<float>(data);
    }
}
