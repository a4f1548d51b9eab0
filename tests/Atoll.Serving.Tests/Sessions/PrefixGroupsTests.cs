using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class PrefixGroupsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-prefix-groups-");
    private readonly ManualClock _clock = new();

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _clock.Dispose();
    }

    [Fact]
    public void A_group_that_was_refused_is_tried_again_when_one_of_its_models_left_and_came_back()
    {
        var groups = new PrefixGroups(0.25);
        HostedModel[] models = [Model("a"), Model("b")];
        groups.Refuse(models);

        Assert.Empty(groups.Form(models, Assert.Fail));
        Assert.Empty(groups.Form([models[0]], Assert.Fail));

        var unit = Assert.Single(groups.Form(models, Assert.Fail));
        unit.Drop();
    }

    private HostedModel Model(string name)
    {
        var path = Path.Combine(_folder.FullName, $"{name}.onnx");
        SampleModels.Create("vgg19", path, new SampleModelOptions { Width = 0.02, Image = 32, Batch = 0 });
        var options = new CompileOptions();
        using var compiled = ModelCompiler.Compile(OnnxModel.Load(path, ModelLimits.Default).Graph, options);
        var graph = OnnxModel.Load(path, ModelLimits.Default).Graph;
        return new HostedModel(
            new ModelSource(name, "1", path, null), new ModelConfiguration { MaxBatchSize = 2 },
            new WholeModel(compiled, options, new PrefixCandidate(graph)), (_clock, 0));
    }
}
