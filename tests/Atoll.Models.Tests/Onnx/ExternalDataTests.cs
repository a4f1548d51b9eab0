using System.Runtime.InteropServices;
using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>Tensors beside the model file are read from inside its folder and nowhere else.</summary>
public sealed class ExternalDataTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-external-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Data_is_read_at_its_offset()
    {
        Write("weights.bin", [9, 9, 1.5f, -2, 9]);
        var graph = Load("weights.bin", 8, 8).Graph;
        Assert.Equal([1.5f, 0], ReferenceInterpreter.Run(graph, [])[0].AsSpan<float>().ToArray());
    }

    [Fact]
    public void Data_in_a_subfolder_is_read()
    {
        _folder.CreateSubdirectory("data");
        Write("data/weights.bin", [3, 4]);
        Assert.Equal([3f, 4], ReferenceInterpreter.Run(Load("data/weights.bin", 0, 8).Graph,
            [])[0].AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData("../weights.bin")]
    [InlineData("data/../../weights.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\weights.bin")]
    [InlineData("C:/weights.bin")]
    [InlineData("")]
    public void Location_outside_the_folder_is_refused(string location) =>
        Refused(location, 0, 8, "'w'", "inside the model's folder");

    [Fact]
    public void Symbolic_link_is_refused()
    {
        Write("real.bin", [1, 2]);
        File.CreateSymbolicLink(Path.Combine(_folder.FullName, "link.bin"), "/etc/hostname");
        Refused("link.bin", 0, 8, "'w'", "symbolic link");
    }

    [Fact]
    public void Symbolic_link_to_a_folder_is_refused()
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, "data"), "/etc");
        Refused("data/hostname", 0, 8, "'w'", "'data' is a symbolic link");
    }

    [Fact]
    public void Missing_data_file_is_refused() => Refused("none.bin", 0, 8, "none.bin", "does not exist");

    [Fact]
    public void Data_past_the_end_of_the_file_is_refused()
    {
        Write("weights.bin", [1, 2]);
        Refused("weights.bin", 4, 8, "'w'", "weights.bin", "8");
        Refused("weights.bin", long.MaxValue, 8, "'w'");
    }

    [Fact]
    public void Stated_length_that_is_not_the_shapes_is_refused()
    {
        Write("weights.bin", [1, 2]);
        Refused("weights.bin", 0, 4, "'w'", "states 4 bytes", "needs 8");
    }

    [Fact]
    public void External_data_of_a_streamed_model_is_refused()
    {
        var e = Assert.Throws<ModelException>(() => Model("weights.bin", 0, 8).Load());
        Assert.Equal(ModelError.ExternalData, e.Error);
    }

    private static ProtoModel Model(string location, long offset, long length)
    {
        var model = new ProtoModel().Node("Relu", "w", "y").Output("y", 2);
        model.Graph.Initializer.Add(new TensorProto
        {
            Name = "w", DataType = 1, Dims = { 2 }, DataLocation = TensorProto.Types.DataLocation.External,
            ExternalData = { Entry("location", location), Entry("offset", $"{offset}"), Entry("length", $"{length}") },
        });
        return model;
    }

    private static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };

    private OnnxModel Load(string location, long offset, long length)
    {
        var path = Path.Combine(_folder.FullName, "model.onnx");
        File.WriteAllBytes(path, Model(location, offset, length).ToBytes());
        return OnnxModel.Load(path);
    }

    private void Write(string name, float[] values) =>
        File.WriteAllBytes(Path.Combine(_folder.FullName, name), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private void Refused(string location, long offset, long length, params string[] parts)
    {
        var exception = Assert.Throws<ModelException>(() => Load(location, offset, length));
        Assert.Equal(ModelError.ExternalData, exception.Error);
        Assert.All(parts, part => Assert.Contains(part, exception.Message, StringComparison.Ordinal));
    }
}
