using Atoll.Devices;

namespace Atoll.Models.Tests;

[Collection(DeviceAlone.Name)]
public sealed class PrefixSearchTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Prefix_and_suffix_together_give_what_each_model_gives(int seed)
    {
        Graph[] models = [.. Enumerable.Range(0, 4).Select(head => Variant(seed, head, trunkDepth: 5))];

        var shared = Assert.Single(PrefixSearch.Find(models));

        Assert.Equal([0, 1, 2, 3], shared.Members.Select(member => member.Model));
        var inputs = new[] { Tensor.Float([3, 8], [.. new float[24].Select((_, i) => MathF.Sin(seed + i))]) };
        var common = ReferenceInterpreter.Run(shared.Graph, inputs);
        foreach (var member in shared.Members)
        {
            var whole = ReferenceInterpreter.Run(models[member.Model], inputs);
            var suffix = ReferenceInterpreter.Run(member.Suffix, Feed(member, common, inputs));
            Assert.Equal(whole.Select(tensor => tensor.Data), suffix.Select(tensor => tensor.Data));
        }
    }

    [Fact]
    public void Prefix_holds_all_that_the_models_share_and_no_more()
    {
        Graph[] models = [Variant(1, head: 0, trunkDepth: 5), Variant(1, head: 1, trunkDepth: 5)];

        var shared = Assert.Single(PrefixSearch.Find(models));

        // Two nodes per layer of the trunk, and the sum with the input.
        Assert.Equal(11, shared.Graph.Nodes.Count);
        Assert.All(shared.Members, m => Assert.Equal(models[m.Model].Nodes.Count - 11, m.Suffix.Nodes.Count));
        Assert.All(shared.Members, m => Assert.Contains(new SuffixSource(true, 0), m.Sources));
    }

    [Fact]
    public void Models_are_grouped_by_their_own_backbones_and_strangers_are_left_out()
    {
        Graph[] models =
        [
            Variant(1, 0, 5), Variant(2, 0, 5), Variant(1, 1, 5), Variant(2, 1, 5), Variant(3, 0, 5), Variant(1, 2, 5),
        ];

        var groups = PrefixSearch.Find(models);

        int[][] members = [.. groups.Select(g => g.Members.Select(m => m.Model).ToArray())];
        Assert.Equal([[0, 2, 5], [1, 3]], members);
    }

    [Fact]
    public void One_different_weight_ends_the_prefix_before_it()
    {
        var shared =
            Assert.Single(PrefixSearch.Find([Variant(1, 0, 5), WithWeightChanged(Variant(1, 1, 5), layer: 3)]));

        Assert.Equal(7, shared.Graph.Nodes.Count);
    }

    [Fact]
    public void Small_common_beginnings_are_not_worth_a_group() =>
        Assert.Empty(PrefixSearch.Find([Variant(1, 0, 8), WithWeightChanged(Variant(1, 1, 8), layer: 1)]));

    [Fact]
    public void Equal_models_share_everything()
    {
        Graph[] models = [Variant(1, 0, 5), Variant(1, 0, 5)];

        var shared = Assert.Single(PrefixSearch.Find(models));

        Assert.Equal(models[0].Nodes.Count, shared.Graph.Nodes.Count);
        Assert.All(shared.Members, member => Assert.Empty(member.Suffix.Nodes));
        Assert.All(shared.Members, member => Assert.Equal(2, member.Suffix.Outputs.Count));
    }

    [Fact]
    public void Compiled_variants_of_a_backbone_answer_as_the_whole_models_do()
    {
        using var folder = new ModelFolder();
        Graph[] models = [.. Enumerable.Range(0, 3).Select(head => Backbone(folder, head))];
        var shared = Assert.Single(PrefixSearch.Find(models));
        Assert.Equal(3, shared.Members.Count);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var prefix = ModelCompiler.Compile(shared.Graph);
        var random = new Random(7);
        var input = CompiledRun.RandomInputs([prefix.Inputs[0] with { Shape = [2, 3, 32, 32] }], random);
        var common = Answer(prefix, device, input);
        foreach (var member in shared.Members)
        {
            using var whole = ModelCompiler.Compile(models[member.Model]);
            using var suffix = ModelCompiler.Compile(member.Suffix);

            var expected = Answer(whole, device, input);
            var actual = Answer(suffix, device, Feed(member, common, input));

            TensorAssert.Close(expected[0], actual[0], 1e-3, 1e-4, $"variant {member.Model}");
        }
    }

    private static Graph WithWeightChanged(Graph graph, int layer)
    {
        var weight = graph.Nodes.Where(node => node.Operator == "MatMul").ElementAt(layer).Inputs[1]!;
        var data = weight.Constant!.Data.ToArray();
        data[5] ^= 1;
        weight.Constant = new Tensor(weight.Type, weight.Shape!, data);
        return graph;
    }

    private static Tensor[] Feed(PrefixMember member, Tensor[] prefixOutputs, Tensor[] inputs) =>
        [.. member.Sources.Select(s => s.IsPrefixOutput ? prefixOutputs[s.Index] : inputs[s.Index])];

    private static Tensor[] Answer(CompiledModel model, CpuDevice device, Tensor[] inputs)
    {
        using var instance = model.Instantiate(device, null, [.. inputs.Select(input => input.Shape)]);
        return CompiledRun.Launch(instance, inputs);
    }

    private static Graph Backbone(ModelFolder folder, int head)
    {
        var path = folder.At($"variant{head}.onnx");
        SampleModels.Create(
            "resnet152", path, new SampleModelOptions { Width = 0.05, Image = 32, Batch = 0, HeadSeed = 100 + head });
        return OnnxModel.Load(path).Graph;
    }

    /// <summary>
    /// Layers of product and ReLU whose weights follow from the seed, then two outputs: of a layer of the head's own,
    /// and of the model's input and an inner value of the trunk.
    /// </summary>
    private static Graph Variant(int seed, int head, int trunkDepth)
    {
        var graph = new GraphBuilder(seed);
        var input = graph.Input(3, 8);
        var x = input;
        var middle = x;
        for (var layer = 0; layer < trunkDepth; layer++)
        {
            x = graph.Op("Relu", graph.Op("MatMul", x, graph.Weights(8, 8)));
            middle = layer == trunkDepth / 2 ? x : middle;
        }

        var random = new Random(1000 + head);
        var own = Tensor.Float([8, 4], [.. new float[32].Select(_ => random.NextSingle())]);
        var first = graph.Op("Tanh", graph.Op("MatMul", x, graph.Of(own)));
        var second = graph.Op("Mul", graph.Op("Add", input, middle), graph.Scalar(head + 2));
        return graph.Build(first, second);
    }
}
