using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models.Tests;

/// <summary>Large initializers stay in the model's file until they are packed, and are the same as others.</summary>
public sealed class StoredModelTests : IDisposable
{
    private const int Large = 20_000;

    private readonly ModelFolder _folder = new();

    private string Path => _folder.At("m.onnx");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Large_tensors_of_a_file_equal_those_of_a_stream()
    {
        var bytes = Folding(1).ToBytes();
        File.WriteAllBytes(Path, bytes);
        var (stored, read) = (OnnxModel.Load(Path).Graph, ProtoModel.Load(bytes).Graph);
        var pairs = Constants(stored).Zip(Constants(read)).ToList();
        Assert.Contains(pairs, p => !p.First.IsInMemory);
        Assert.All(pairs, p => Assert.Equal(p.Second.Data, p.First.Data));
    }

    [Fact]
    public void Batch_normalization_folds_into_weights_in_the_file_to_the_same_bits()
    {
        var bytes = Folding(2).ToBytes();
        File.WriteAllBytes(Path, bytes);
        Assert.Equal(Run(ProtoModel.Load(bytes).Graph), Run(OnnxModel.Load(Path).Graph));
    }

    [Fact]
    public void A_graph_in_several_records_keeps_the_order_of_its_initializers()
    {
        var (first, second) = (Folding(3).Proto, Folding(4).Proto);
        second.Graph.Input.Clear();
        second.Graph.Output.Clear();
        second.Graph.Node.Clear();
        foreach (var tensor in second.Graph.Initializer)
        {
            tensor.Name += "_2";
        }

        // The protobuf form joins records of one field: so one file after another is one model.
        File.WriteAllBytes(Path, [.. first.ToByteArray(), .. new ModelProto { Graph = second.Graph }.ToByteArray()]);
        using var data = new DataFile(Path);
        var stored = StoredModel.Parse(data.Content, "m", ModelLimits.Default, data);
        var expected = first.Graph.Initializer.Concat(second.Graph.Initializer).ToList();
        Assert.Equal(expected.Select(t => t.Name), stored.Proto.Graph.Initializer.Select(t => t.Name));
        for (var i = 0; i < expected.Count; i++)
        {
            var raw = stored.TryRawData(i);
            Assert.Equal(expected[i].RawData.Length >= RawRecords.BytesMin, raw is not null);
            Assert.Equal(expected[i].RawData.ToByteArray(), raw?.ToTensor(ElementType.Float32,
                [.. expected[i].Dims]).Data ?? stored.Proto.Graph.Initializer[i].RawData.ToByteArray());
        }
    }

    [Fact]
    public void The_last_of_several_raw_records_holds()
    {
        var tensor = new TensorProto { Name = "w", DataType = 1, Dims = { Large }, RawData = Raw(Large, 5) };
        var last = new TensorProto { RawData = Raw(Large, 6) };
        byte[] joined = [.. tensor.ToByteArray(), .. last.ToByteArray()];
        var model = new ProtoModel().Output("w", Large).Proto;
        var file = new MemoryStream();
        model.WriteTo(file);
        var graph = new MemoryStream();
        Write(graph, 5, joined);
        Write(file, 7, graph.ToArray());
        File.WriteAllBytes(Path, file.ToArray());
        Assert.Equal(Raw(Large, 6).ToByteArray(), OnnxModel.Load(Path).Graph.Outputs[0].Constant!.Data);
    }

    [Fact]
    public void A_file_written_after_its_load_is_refused_and_a_replaced_one_is_not()
    {
        File.WriteAllBytes(Path, Folding(7).ToBytes());
        var kept = Constants(OnnxModel.Load(Path).Graph).First(t => !t.IsInMemory);
        File.WriteAllText(_folder.At("other"), "another file");
        File.Move(_folder.At("other"), Path, overwrite: true);
        Assert.Equal(kept.ByteCount, kept.Data.Length);

        File.WriteAllBytes(Path, Folding(8).ToBytes());
        var torn = Constants(OnnxModel.Load(Path).Graph).First(t => !t.IsInMemory);
        using (var file = new FileStream(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(100);
        }

        var refused = Assert.Throws<ModelException>(() => torn.Data);
        Assert.Contains("was written while its model is in use", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fingerprints_leave_constants_in_the_file()
    {
        var bytes = Folding(5).ToBytes();
        File.WriteAllBytes(Path, bytes);
        var (stored, read) = (OnnxModel.Load(Path).Graph, ProtoModel.Load(bytes).Graph);
        var inFile = Constants(stored).Count(t => !t.IsInMemory);
        Assert.InRange(inFile, 1, int.MaxValue);
        Assert.Equal(Constants(read).Select(TensorFingerprint.Of), Constants(stored).Select(TensorFingerprint.Of));
        new ConstantPool().Share(stored);
        Assert.Equal(inFile, Constants(stored).Count(t => !t.IsInMemory));
    }

    [Fact]
    public void Many_empty_graphs_and_initializers_are_passed_once()
    {
        const int Count = 50_000;
        var model = new ProtoModel().Proto;
        for (var i = 0; i < Count; i++)
        {
            model.Graph.Initializer.Add(new TensorProto { Name = $"{i}" });
        }

        model.Graph.Initializer.Add(
            new TensorProto { Name = "w", DataType = 1, Dims = { Large }, RawData = Raw(Large, 10) });
        byte[] empty = [.. Enumerable.Range(0, 2 * Count).Select(i => i % 2 == 0 ? (byte)0x3a : (byte)0)];
        File.WriteAllBytes(Path, [.. empty, .. model.ToByteArray(), .. empty]);
        using var data = new DataFile(Path);
        var stored = StoredModel.Parse(data.Content, "m", ModelLimits.Default, data);
        Assert.Equal(Count + 1, stored.Proto.Graph.Initializer.Count);
        Assert.Equal(0, stored.Proto.Graph.Initializer[Count].RawData.Length);
        Assert.NotNull(stored.TryRawData(Count));
    }

    [Fact]
    public void A_constant_that_cannot_be_read_leaves_no_memory_charged()
    {
        var proto = new ProtoModel().Input("x", Large).Node("Add", "x w", "y").Output("y", Large);
        proto.Graph.Initializer.Add(
            new TensorProto { Name = "w", DataType = 1, Dims = { Large }, RawData = Raw(Large, 11) });
        File.WriteAllBytes(Path, proto.ToBytes());
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(OnnxModel.Load(Path).Graph);
        var before = device.MemoryInUseBytes;
        using (var file = new FileStream(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(100);
        }

        Assert.Throws<ModelException>(() => model.Instantiate(device));
        Assert.Equal(before, device.MemoryInUseBytes);
    }

    [Fact]
    public void Tensor_of_raw_bytes_that_do_not_fit_its_shape_is_refused()
    {
        var model = new ProtoModel().Output("w", Large).Proto;
        model.Graph.Initializer.Add(
            new TensorProto { Name = "w", DataType = 1, Dims = { Large }, RawData = Raw(Large + 1, 9) });
        File.WriteAllBytes(Path, model.ToByteArray());
        Assert.Contains("raw bytes", Assert.Throws<ModelException>(() => OnnxModel.Load(Path)).Message,
            StringComparison.Ordinal);
    }

    // Conv, BatchNormalization, Conv of 3x3, and a product: weights small and large, raw.
    private static ProtoModel Folding(int seed)
    {
        var model = new ProtoModel().Input("x", 1, 16, 8, 8);
        void Weights(string name, params long[] shape) => model.Graph.Initializer.Add(new TensorProto
        {
            Name = name, DataType = 1, Dims = { shape },
            RawData = Raw((int)shape.Aggregate(1L, (a, b) => a * b), seed++),
        });
        Weights("w1", 1200, 16, 1, 1);
        Weights("scale", 1200);
        Weights("shift", 1200);
        Weights("mean", 1200);
        Weights("variance", 1200);
        Weights("w2", 16, 1200, 3, 3);
        Weights("w3", 1024, 40);
        model.Int64("shape", [2], 1, 1024);
        return model.Node("Conv", "x w1", "a").Node("BatchNormalization", "a scale shift mean variance", "b")
            .Node("Relu", "b", "c").Node("Conv", "c w2", "d", ProtoModel.Ints("pads", 1, 1, 1, 1))
            .Node("Reshape", "d shape", "e").Node("MatMul", "e w3", "y").Output("y", 1, 40);
    }

    private static ByteString Raw(int count, int seed)
    {
        var random = new Random(seed);
        var values = Array.ConvertAll(new float[count], _ => (float)(random.NextDouble() / 8 + 0.01));
        return ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static void Write(MemoryStream to, int field, byte[] content)
    {
        using var output = new CodedOutputStream(to, leaveOpen: true);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(content));
    }

    private static IEnumerable<Tensor> Constants(Graph graph) =>
        graph.Nodes.SelectMany(n => n.Inputs).Select(v => v?.Constant).OfType<Tensor>();

    private static float[] Run(Graph graph)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        using var instance = model.Instantiate(device);
        var inputs = CompiledRun.RandomInputs(model.Inputs, new Random(1));
        return CompiledRun.Run(instance, inputs)[0].AsSpan<float>().ToArray();
    }
}
