namespace Atoll.Models;

/// <summary>
/// YOLOv5s (Ultralytics 2020, release 6) with its decoding: CSP backbone, pyramid with nearest upsampling, three
/// detection levels. Input [batch, 3, side, side], output detections [batch, boxes, 85]: centre and size in pixels,
/// objectness and 80 class scores.
/// </summary>
internal sealed class Yolo(ConvNetBuilder net, SampleModelOptions options)
{
    private const int Anchors = 3;
    private const int Values = 85;
    private const float Epsilon = 1e-3f;

    // Pixels, width and height, per level of stride 8, 16, 32.
    private static readonly float[][] AnchorSizes =
        [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]];

    private OnnxModelBuilder Model => net.Model;

    public static void Build(OnnxModelBuilder model, SampleModelOptions options, int image)
    {
        var net = new ConvNetBuilder(model, options) { Epsilon = Epsilon, Centring = 0.5f };
        var yolo = new Yolo(net, options);
        var levels = yolo.Pyramid(yolo.Backbone(net.Image(image)));
        yolo.Detect(levels, image);
    }

    private (Feature P3, Feature P4, Feature P5) Backbone(Feature x)
    {
        x = Layer("model.0", x, 32, (6, 2, 2));
        x = CrossStage("model.2", Layer("model.1", x, 64, (3, 2, 1)), 64, 1);
        var p3 = CrossStage("model.4", Layer("model.3", x, 128, (3, 2, 1)), 128, 2);
        var p4 = CrossStage("model.6", Layer("model.5", p3, 256, (3, 2, 1)), 256, 3);
        var p5 = CrossStage("model.8", Layer("model.7", p4, 512, (3, 2, 1)), 512, 1);
        return (p3, p4, PoolPyramid("model.9", p5, 512));
    }

    private Feature[] Pyramid((Feature P3, Feature P4, Feature P5) x)
    {
        var top = Layer("model.10", x.P5, 256, (1, 1, 0));
        var middle = net.Concat("model.12", Upsample("model.11", top), x.P4);
        middle = CrossStage("model.13", middle, 256, 1, adds: false);
        middle = Layer("model.14", middle, 128, (1, 1, 0));
        var low = net.Concat("model.16", Upsample("model.15", middle), x.P3);
        low = CrossStage("model.17", low, 128, 1, adds: false);
        middle = net.Concat("model.19", Layer("model.18", low, 128, (3, 2, 1)), middle);
        middle = CrossStage("model.20", middle, 256, 1, adds: false);
        top = net.Concat("model.22", Layer("model.21", middle, 256, (3, 2, 1)), top);
        return [low, middle, CrossStage("model.23", top, 512, 1, adds: false)];
    }

    private void Detect(Feature[] levels, int image)
    {
        Model.Constant("two", Tensor.Float([], [2f]));
        List<string> boxes = [];
        for (var i = 0; i < levels.Length; i++)
        {
            boxes.Add(Decode($"model.24.{i}", levels[i], (8 << i, image / (8 << i)), AnchorSizes[i]));
        }

        Model.Node("Concat", "model.24.concat", boxes, OnnxAttribute.Int("axis", 1));
        var count = levels.Select((_, i) => image / (8 << i)).Sum(side => Anchors * side * side);
        Model.OutputLast("detections", ElementType.Float32, options.Batch, count, Values);
    }

    /// <summary>centre = (2 s - 0.5 + cell) stride, size = (2 s)² anchor, of s = sigmoid of the last layer.</summary>
    private string Decode(string name, Feature x, (int Stride, int Side) level, float[] anchors)
    {
        var (stride, side) = level;
        var raw = net.Conv($"{name}.m", x, ConvShape.Square(Anchors * Values, 1), bias: true, gain: 1).Value;
        var shape = Model.Constant($"{name}.shape", Tensor.Int64([5], [0, Anchors, Values, side, side]));
        raw = Model.Node("Reshape", $"{name}.split", [raw, shape]);
        raw = Model.Node("Transpose", $"{name}.turn", [raw], OnnxAttribute.Ints("perm", 0, 1, 3, 4, 2));
        var shares = Model.Node("Sigmoid", $"{name}.sigmoid", [raw]);
        var parts = Model.Split($"{name}.parts", shares, axis: 4, sizes: [2, 2, Values - 4]);
        var centre = Model.Node("Mul", $"{name}.centre.double", [parts[0], "two"]);
        centre = Model.Node("Add", $"{name}.centre.add",
            [centre, Model.Constant($"{name}.grid", Grid(side))]);
        centre = Model.Node("Mul", $"{name}.centre", [centre, Model.Shared($"{name}.stride", stride)]);
        var size = Model.Node("Mul", $"{name}.size.double", [parts[1], "two"]);
        size = Model.Node("Pow", $"{name}.size.square", [size, "two"]);
        var anchor = Tensor.Float([1, Anchors, 1, 1, 2], anchors);
        size = Model.Node("Mul", $"{name}.size", [size, Model.Constant($"{name}.anchors", anchor)]);
        var joined = Model.Node("Concat", $"{name}.join", [centre, size, parts[2]], OnnxAttribute.Int("axis", 4));
        var flat = Model.Constant($"{name}.boxes", Tensor.Int64([3], [0, Anchors * side * side, Values]));
        return Model.Node("Reshape", $"{name}.flat", [joined, flat]);
    }

    // Cell numbers less a half, x first.
    private static Tensor Grid(int side)
    {
        var values = new float[side * side * 2];
        for (var i = 0; i < side * side; i++)
        {
            (values[2 * i], values[(2 * i) + 1]) = ((i % side) - 0.5f, (i / side) - 0.5f);
        }

        return Tensor.Float([1, 1, side, side, 2], values);
    }

    private Feature Upsample(string name, Feature x)
    {
        var scales = Model.Constant($"{name}.scales", Tensor.Float([4], [1, 1, 2, 2]));
        return x with
        {
            Value = Model.Node("Resize", name, [x.Value, "", scales],
                OnnxAttribute.Text("coordinate_transformation_mode", "asymmetric"),
                OnnxAttribute.Text("mode", "nearest"), OnnxAttribute.Text("nearest_mode", "floor")),
        };
    }

    private Feature PoolPyramid(string name, Feature x, int channels)
    {
        var half = Layer($"{name}.cv1", x, channels / 2, (1, 1, 0));
        List<Feature> parts = [half];
        for (var i = 1; i <= 3; i++)
        {
            parts.Add(net.MaxPool($"{name}.m{i}", parts[^1], kernel: 5, stride: 1, pad: 2));
        }

        return Layer($"{name}.cv2", net.Concat($"{name}.concat", parts), channels, (1, 1, 0));
    }

    private Feature CrossStage(string name, Feature x, int channels, int count, bool adds = true)
    {
        var gain = MathF.Sqrt(0.5f / count);
        var y = Layer($"{name}.cv1", x, channels / 2, (1, 1, 0));
        for (var i = 0; i < count; i++)
        {
            var inner = Layer($"{name}.m.{i}.cv1", y, channels / 2, (1, 1, 0));
            inner = Layer($"{name}.m.{i}.cv2", inner, channels / 2, (3, 1, 1), adds ? gain : 1);
            y = adds ? net.Add($"{name}.m.{i}.add", y, inner) : inner;
        }

        var other = Layer($"{name}.cv2", x, channels / 2, (1, 1, 0));
        return Layer($"{name}.cv3", net.Concat($"{name}.concat", y, other), channels, (1, 1, 0));
    }

    private Feature Layer(
        string name, Feature x, int channels, (int Kernel, int Stride, int Pad) window, float gain = 1)
    {
        var shape = ConvShape.Square(options.Scale(channels), window.Kernel, window.Stride, window.Pad);
        var y = net.BatchNorm($"{name}.bn", net.Conv($"{name}.conv", x, shape, gain: net.SiluGain), gain);
        return net.Silu($"{name}.act", y);
    }
}
