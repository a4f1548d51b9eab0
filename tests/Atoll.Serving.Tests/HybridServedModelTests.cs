using System.Buffers;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class HybridServedModelTests : IDisposable
{
    private readonly CpuDevice _device = new(new CpuDeviceOptions { Units = 1 });

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _device.Dispose();

    [Fact]
    public async Task Strings_are_served_as_lengths_and_bytes()
    {
        await using var model = new HybridServedModel(
            _device, HybridModel.Compile(Doubling()), new ModelConfiguration(), ("doubling", "1"));
        using var request = Request(StringData.Encode(["21", "-4"]));

        var outcome = await model.InferAsync(request, Token);

        Assert.Equal(InferenceStatus.Completed, outcome.Status);
        Assert.Equal([ElementType.String], model.Metadata.Inputs.Select(i => i.Type));
        Assert.Equal([2], outcome.Outputs!.Shape(0).ToArray());
        Assert.Equal(["42", "-8"], StringData.Decode(outcome.Outputs.Data(0)));
        outcome.Outputs.Dispose();
    }

    [Theory]
    [InlineData("x", "'x' is no Int32")]
    [InlineData(null, "the last is cut off")]
    public async Task Strings_that_do_not_fit_are_rejected_and_the_next_request_is_served(string? text, string reason)
    {
        await using var model = new HybridServedModel(
            _device, HybridModel.Compile(Doubling()), new ModelConfiguration(), ("doubling", "1"));
        using var bad = Request(text is null ? [9, 0, 0, 0, 65] : StringData.Encode([text, text]));
        using var good = Request(StringData.Encode(["1", "2"]));

        var rejected = await model.InferAsync(bad, Token);
        var served = await model.InferAsync(good, Token);

        Assert.Equal(InferenceStatus.Rejected, rejected.Status);
        Assert.Contains(reason, rejected.Reason, StringComparison.Ordinal);
        Assert.Equal(InferenceStatus.Completed, served.Status);
    }

    [Fact]
    public async Task Cancelled_request_ends_cancelled()
    {
        await using var model = new HybridServedModel(
            _device, HybridModel.Compile(Doubling()), new ModelConfiguration(), ("doubling", "1"));
        using var request = Request(StringData.Encode(["1", "2"]));

        var outcome = await model.InferAsync(request, new CancellationToken(canceled: true));

        Assert.Equal(InferenceStatus.Cancelled, outcome.Status);
    }

    [Fact]
    public async Task Host_operators_hold_up_no_thread_that_answers()
    {
        await using var model = new HybridServedModel(
            _device, HybridModel.Compile(Doubling()), new ModelConfiguration(), ("doubling", "1"));
        using var data = new WatchedBytes(StringData.Encode(["21", "-4"]));
        var call = new Call(model, new InferenceRequest
        {
            Inputs = [new InputTensor([2], data.Memory)], Priority = 2,
        });

        CompletionThreads.Of(WorkClass.BestEffort).Post(call);
        var outcome = await call.Outcome;

        Assert.Equal(InferenceStatus.Completed, outcome.Status);
        Assert.False(data.WasReadOnCompletionThread);
    }

    /// <summary>A request that comes when a place in the queue is free.</summary>
    private sealed class Call(HybridServedModel model, InferenceRequest request) : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource<InferenceOutcome> _outcome =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<InferenceOutcome> Outcome => _outcome.Task;

        public void Execute() => _ = RunAsync();

        private async Task RunAsync()
        {
            try
            {
                _outcome.SetResult(await model.InferAsync(request, CancellationToken.None));
            }
            catch (Exception e)
            {
                _outcome.SetException(e);
            }
        }
    }

    /// <summary>Notes on which kind of thread it is read.</summary>
    private sealed class WatchedBytes(byte[] bytes) : MemoryManager<byte>
    {
        public bool WasReadOnCompletionThread { get; private set; }

        public override Span<byte> GetSpan()
        {
            WasReadOnCompletionThread |= CompletionThreads.IsCurrent;
            return bytes;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin() => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }
    }

    [Fact]
    public void Maps_of_scores_at_the_end_become_their_table()
    {
        var graph = new Graph { Name = "classifier" };
        var x = new GraphValue("x") { Type = ElementType.Float32, Shape = [-1, 2] };
        graph.Inputs.Add(x);
        var scores = Add(graph, "Relu", [x]);
        var maps = new GraphValue("probabilities");
        var zip = new GraphNode
        {
            Name = "zip", Operator = "ZipMap", Domain = "ai.onnx.ml", Opset = 1, Inputs = [scores], Outputs = [maps],
        };
        zip.Attributes.Set("classlabels_int64s", new long[] { 0, 1 });
        maps.Producer = zip;
        graph.Nodes.Add(zip);
        graph.Outputs.Add(maps);

        TensorOutputs.Apply(graph);
        using var whole = ModelCompiler.TryCompileWhole(graph, _device);

        var output = Assert.Single(whole!.Outputs);
        Assert.Equal(("probabilities", ElementType.Float32), (output.Name, output.Type));
        Assert.Equal([-1, 2], output.Shape);
    }

    private static InferenceRequest Request(byte[] data) => new()
    {
        Inputs = [new InputTensor([2], data)], Priority = 2,
    };

    /// <summary>Strings to numbers, doubled, and back.</summary>
    private static Graph Doubling()
    {
        var graph = new Graph { Name = "doubling" };
        var text = new GraphValue("text") { Type = ElementType.String, Shape = [-1] };
        graph.Inputs.Add(text);
        var number = Add(graph, "Cast", [text], ("to", (long)ElementType.Int32));
        var doubled = Add(graph, "Add", [number, number]);
        graph.Outputs.Add(Add(graph, "Cast", [doubled], ("to", (long)ElementType.String)));
        return graph;
    }

    private static GraphValue Add(
        Graph graph, string op, GraphValue[] inputs, params (string Name, object Value)[] attributes)
    {
        var output = new GraphValue($"{op}{graph.Nodes.Count}");
        var node =
            new GraphNode { Name = output.Name, Operator = op, Opset = 17, Inputs = [.. inputs], Outputs = [output] };
        foreach (var (name, value) in attributes)
        {
            node.Attributes.Set(name, value);
        }

        output.Producer = node;
        graph.Nodes.Add(node);
        return output;
    }
}
