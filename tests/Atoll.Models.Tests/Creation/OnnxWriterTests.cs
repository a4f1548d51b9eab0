namespace Atoll.Models.Tests;

public sealed class OnnxWriterTests
{
    private static readonly SampleModelOptions Small = new() { Width = 0.1, Image = 32 };

    [Fact]
    public void The_same_seed_gives_the_same_file_and_another_seed_another()
    {
        using var folder = new ModelFolder();
        SampleModels.Create("resnet152", folder.At("a.onnx"), Small);
        SampleModels.Create("resnet152", folder.At("b.onnx"), Small);
        SampleModels.Create("resnet152", folder.At("c.onnx"), Small with { Seed = 2 });
        var first = File.ReadAllBytes(folder.At("a.onnx"));
        Assert.Equal(first, File.ReadAllBytes(folder.At("b.onnx")));
        Assert.NotEqual(first, File.ReadAllBytes(folder.At("c.onnx")));
        Assert.Equal(["a.onnx", "b.onnx", "c.onnx"], folder.Files.Order());
    }

    [Fact]
    public void Width_and_seed_are_recorded_in_the_file()
    {
        using var folder = new ModelFolder();
        SampleModels.Create("densenet201", folder.At("m.onnx"), Small with { Seed = 42, Batch = 3 });
        var model = ModelFolder.Parse(folder.At("m.onnx"));
        var metadata = model.MetadataProps.ToDictionary(p => p.Key, p => p.Value);
        Assert.Equal("0.1", metadata["atoll.width"]);
        Assert.Equal("42", metadata["atoll.seed"]);
        Assert.Contains("DenseNet-201", metadata["atoll.architecture"], StringComparison.Ordinal);
        Assert.Contains("atoll model create", metadata["atoll.source"], StringComparison.Ordinal);
        Assert.Equal([3, 3, 32, 32], model.Graph.Input[0].Type.TensorType.Shape.Dim.Select(d => d.DimValue));
        Assert.Equal(8, model.IrVersion);
    }

    [Fact]
    public void External_data_holds_the_same_weights()
    {
        using var folder = new ModelFolder();
        SampleModels.Create("vgg19", folder.At("in.onnx"), Small);
        var report = SampleModels.Create("vgg19", folder.At("out.onnx"), Small with { ExternalData = true });
        var data = File.ReadAllBytes(folder.At("out.onnx.data"));
        Assert.Equal(report.Bytes, new FileInfo(folder.At("out.onnx")).Length + data.Length);
        var inside = ModelFolder.Parse(folder.At("in.onnx")).Graph.Initializer.ToDictionary(t => t.Name);
        var external = ModelFolder.Parse(folder.At("out.onnx")).Graph.Initializer.Where(t => t.ExternalData.Count > 0);
        Assert.NotEmpty(external);
        foreach (var tensor in external)
        {
            var place = tensor.ExternalData.ToDictionary(e => e.Key, e => e.Value);
            Assert.Equal("out.onnx.data", place["location"]);
            var bytes = data.AsSpan(int.Parse(place["offset"]), int.Parse(place["length"]));
            Assert.True(bytes.SequenceEqual(inside[tensor.Name].RawData.Span), tensor.Name);
        }
    }

    [Fact]
    public void A_full_disk_leaves_no_file_and_names_the_path_and_the_bytes()
    {
        using var folder = new ModelFolder();
        var model = new OnnxModelBuilder("m", opset: 17);
        model.Parameter("w", [1000, 1000], 1, (g, v) => g.Normal(v, 0, 1));
        var writer = new OnnxWriter(model, folder.At("m.onnx")) { Open = (file, _) => new FullDisk(file) };
        var error = Assert.Throws<ModelException>(() => writer.Write());
        Assert.Equal(ModelError.WriteFailed, error.Error);
        Assert.Contains(folder.At("m.onnx"), error.Message, StringComparison.Ordinal);
        Assert.Matches("needs 40000[0-9]{2} bytes", error.Message);
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_a_clear_error()
    {
        using var folder = new ModelFolder();
        File.WriteAllText(folder.At("file"), "");
        var error = Assert.Throws<ModelException>(() =>
            SampleModels.Create("vgg19", Path.Combine(folder.At("file"), "m.onnx"), Small));
        Assert.Equal(ModelError.WriteFailed, error.Error);
        Assert.Contains(folder.At("file"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_over_2_GB_is_refused_with_the_ways_out()
    {
        using var folder = new ModelFolder();
        var model = new OnnxModelBuilder("m", opset: 17);
        model.Parameter("w", [40_000, 20_000], 1, (g, v) => g.Normal(v, 0, 1));
        var error = Assert.Throws<ModelException>(() => new OnnxWriter(model, folder.At("m.onnx")).Write());
        Assert.Equal(ModelError.LimitExceeded, error.Error);
        Assert.Contains("--external-data", error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("vgg19", 0, null, 1, "--width")]
    [InlineData("vgg19", double.NaN, null, 1, "--width")]
    [InlineData("digits", 3, null, 1, "--width")]
    [InlineData("vgg19", 1, 16, 1, "--image")]
    [InlineData("inceptionv3", 1, 64, 1, "--image")]
    [InlineData("distilbert", 1, 64, 1, "--image")]
    [InlineData("vgg19", 1, null, -1, "--batch")]
    [InlineData("alexnet", 1, null, 1, "vgg19")]
    public void Options_out_of_range_name_the_option(string name, double width, int? image, int batch, string option)
    {
        using var folder = new ModelFolder();
        var options = new SampleModelOptions { Width = width, Image = image, Batch = batch };
        var error = Assert.Throws<ModelException>(() => SampleModels.Create(name, folder.At("m.onnx"), options));
        Assert.Contains(option, error.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void Weights_have_the_asked_mean_and_deviation()
    {
        var values = new float[1_000_000];
        new WeightGenerator(3, 5).Normal(values, 0.5f, 2);
        var mean = values.Average(v => (double)v);
        Assert.Equal(0.5, mean, 0.01);
        Assert.Equal(2, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))), 0.01);
        new WeightGenerator(3, 5).CentredRows(values, 1000, 2, share: 1);
        Assert.Equal(0, values.Take(1000).Average(), 1e-4f);
    }

    private sealed class FullDisk(string file) : FileStream(file, FileMode.Create)
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Position + buffer.Length > 100_000)
            {
                throw new IOException("No space left on device");
            }

            base.Write(buffer);
        }
    }
}
