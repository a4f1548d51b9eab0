using Atoll.Models.Onnx;
using Atoll.Models.Tests;

namespace Atoll.EndToEnd.Tests;

/// <summary>Files that a server must refuse to load, by name, each with what the refusal must tell.</summary>
internal static class BadModels
{
    private static readonly (string Name, Func<byte[]> File, string[] Told)[] All =
    [
        ("truncated", Truncated, ["truncated.onnx", "claims", "byte"]),
        ("text", () => "not a model"u8.ToArray(), ["text.onnx"]),
        ("empty", () => [], ["empty.onnx", "no graph"]),
        ("cyclic", new ProtoModel().Input("x", 2).Node("Add", "x b", "a").Node("Relu", "a", "b").Output("b", 2).ToBytes,
            ["cycle", "Add_0"]),
        ("duplicate",
            new ProtoModel().Input("x", 2).Node("Relu", "x", "y").Node("Abs", "x", "y").Output("y", 2).ToBytes,
            ["'y'", "more than once", "Abs_1"]),
        ("shapes", new ProtoModel().Input("x", 2, 3).Input("z", 4).Node("Add", "x z", "y").Output("y", 2, 3).ToBytes,
            ["Add_0", "[2,3]", "[4]"]),
        ("huge", new ProtoModel().Input("x", 1L << 60).Node("Relu", "x", "y").Output("y", 1L << 60).ToBytes,
            ["'x'", "limit", "setting"]),
        ("overflow", new ProtoModel().Input("x", 1L << 31, 1L << 31, 4).Node("Relu", "x", "y").Output("y").ToBytes,
            ["'x'", "limit", "setting"]),
        ("missing", new ProtoModel().Input("x", 2).Node("Add", "x ghost", "y").Output("y", 2).ToBytes,
            ["ghost", "Add_0"]),
        ("outside", Outside, ["'w'", "inside the model's folder"]),
        ("unsupported", new ProtoModel().Input("x", 2).Node("Frobnicate", "x", "y").Output("y", 2).ToBytes,
            ["Frobnicate", "Frobnicate_0", "opset 13"]),
        ("memory", new ProtoModel().Input("x", 1 << 27).Node("Exp", "x", "y").Output("y", 1 << 27).ToBytes,
            ["bytes asked for", "in use", "setting device.memory"]),
    ];

    public static IEnumerable<string> Names => All.Select(model => model.Name);

    public static IReadOnlyList<string> Told(string name) => All.Single(model => model.Name == name).Told;

    public static void WriteAll(string folder)
    {
        foreach (var (name, file, _) in All)
        {
            File.WriteAllBytes(Path.Combine(folder, name + ".onnx"), file());
        }
    }

    private static byte[] Truncated()
    {
        var whole = ProtoModel.Mixed().ToBytes();
        return whole[..(whole.Length / 2)];
    }

    private static byte[] Outside()
    {
        var model = new ProtoModel().Node("Relu", "w", "y").Output("y", 2);
        var tensor = new TensorProto
        {
            Name = "w",
            DataType = 1,
            Dims = { 2 },
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "../../etc/hostname" });
        model.Graph.Initializer.Add(tensor);
        return model.ToBytes();
    }
}
