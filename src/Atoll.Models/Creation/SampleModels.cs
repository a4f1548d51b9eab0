using System.Globalization;

namespace Atoll.Models;

/// <summary>
/// Makes ONNX files of published architectures with seeded random weights, and of <c>digits</c>, which recognises
/// handwritten digits, so that nothing has to be downloaded.
/// </summary>
public static class SampleModels
{
    private const int Opset = 17;
    private const int Sequence = 128;
    private const int ImageMax = 2048;
    private const int BatchMax = 256;
    private const double WidthMin = 0.01;

    private static readonly Architecture[] Architectures =
    [
        new("vgg19", "VGG19 (torchvision)", Vgg.Build) { Image = (224, 32) },
        new("resnet152", "ResNet-152 v1.5 (torchvision)", ResNet.Build152) { Image = (224, 32) },
        new("densenet201", "DenseNet-201 (torchvision)", DenseNet.Build) { Image = (224, 32) },
        new("inceptionv3", "Inception-v3 without auxiliary classifier (torchvision)", Inception.Build)
        {
            Image = (299, 75),
        },
        new("distilbert", "DistilBERT base without head", Bert.BuildDistilled),
        new("digits", "handwritten digits: fixed convolutions, fitted read-out", null) { WidthMax = 2 },
        new("resnet50", "ResNet-50 v1.5 (torchvision)", ResNet.Build50) { Image = (224, 32) },
        new("mobilenetv2", "MobileNetV2 (torchvision)", MobileNet.Build) { Image = (224, 32) },
        new("efficientnetb0", "EfficientNet-B0 (torchvision)", EfficientNet.Build) { Image = (224, 32) },
        new("squeezenet", "SqueezeNet 1.1 (torchvision)", SqueezeNet.Build) { Image = (224, 32) },
        new("bert", "BERT base with pooler", Bert.BuildBase),
        new("gpt2", "GPT-2 small, next-token logits of a prompt", Gpt2.Build),
        new("vitb16", "ViT-B/16 (torchvision)", VisionTransformer.Build) { Image = (224, 32), ImageStep = 16 },
        new("yolov5s", "YOLOv5s with its decoding", Yolo.Build) { Image = (640, 64), ImageStep = 32 },
        new("dlrm", "deep learning recommendation model with 26 embedding tables", Recommender.Build),
    ];

    /// <summary>Names that <see cref="Create"/> knows, the DISB five first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Architectures.Select(a => a.Name)];

    /// <summary>Models with 8-bit weights that <see cref="Create"/> knows besides: NAME-int8.</summary>
    public static IReadOnlyList<string> QuantizedNames => QuantizedModels.Names;

    /// <summary>True when <see cref="SampleModelOptions.Image"/> applies to the model.</summary>
    public static bool HasImageSize(string name) => Find(
        QuantizedNames.Contains(name) ? QuantizedModels.BaseName(name) : name).Image is not null;

    /// <summary>Writes the model to <paramref name="path"/>; its folder is made when absent.</summary>
    /// <param name="progress">Gets the bytes of each tensor written; may throw to stop.</param>
    /// <exception cref="ModelException">The name is unknown, an option is out of range, or the file cannot be
    /// written.</exception>
    public static SampleModelReport Create(
        string name, string path, SampleModelOptions options, IProgress<long>? progress = null)
    {
        if (QuantizedModels.Names.Contains(name))
        {
            MakeFolder(path);
            return QuantizedModels.Create(name, path, options, progress);
        }

        var architecture = Find(name);
        Check(architecture, options);
        var model = new OnnxModelBuilder(name, Opset);
        var size = architecture.Image is { } image ? options.Image ?? image.Published : Sequence;
        double? accuracy = null;
        if (architecture.Build is { } build)
        {
            build(model, options, size);
        }
        else
        {
            accuracy = DigitsNetwork.Build(model, options, progress);
        }

        Describe(model, architecture, options);
        MakeFolder(path);
        var bytes = new OnnxWriter(model, path) { ExternalData = options.ExternalData, Progress = progress }.Write();
        return new SampleModelReport
        {
            Name = name,
            Path = path,
            Architecture = architecture.Title,
            Bytes = bytes,
            Parameters = model.ParameterCount,
            Nodes = model.Graph.Node.Count,
            Options = options,
            HeldOutAccuracy = accuracy,
        };
    }

    private static Architecture Find(string name) =>
        Array.Find(Architectures, a => a.Name == name) ?? throw new ModelException(
            ModelError.NotFound,
                $"no sample model is named '{name}'; there are {string.Join(", ", Names.Concat(QuantizedNames))}");

    private static void Check(Architecture architecture, SampleModelOptions options)
    {
        if (!(options.Width >= WidthMin && options.Width <= architecture.WidthMax))
        {
            throw OutOfRange("width", options.Width, WidthMin, architecture.WidthMax);
        }

        if (options.Image is { } image)
        {
            var (_, min) = architecture.Image ?? throw new ModelException(
                ModelError.InvalidShape, $"'{architecture.Name}' has no image size to choose (--image)");
            if (image < min || image > ImageMax)
            {
                throw OutOfRange("image", image, min, ImageMax);
            }

            if (image % architecture.ImageStep != 0)
            {
                throw new ModelException(ModelError.InvalidShape,
                    $"--image is {image}; '{architecture.Name}' takes multiples of {architecture.ImageStep}");
            }
        }

        if (options.Batch is < 0 or > BatchMax)
        {
            throw OutOfRange("batch", options.Batch, 0, BatchMax);
        }
    }

    private static ModelException OutOfRange(string option, double value, double low, double high) => new(
        ModelError.LimitExceeded,
        string.Create(CultureInfo.InvariantCulture, $"--{option} is {value}; allowed is {low} to {high}"));

    private static void Describe(OnnxModelBuilder model, Architecture architecture, SampleModelOptions options)
    {
        model.Metadata("atoll.architecture", architecture.Title);
        model.Metadata("atoll.source", "made by 'atoll model create'");
        model.Metadata("atoll.width", options.Width.ToString("R", CultureInfo.InvariantCulture));
        model.Metadata("atoll.seed", options.Seed.ToString(CultureInfo.InvariantCulture));
        model.Metadata("atoll.parameters", model.ParameterCount.ToString(CultureInfo.InvariantCulture));
    }

    private static void MakeFolder(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(
                ModelError.WriteFailed, $"cannot make the folder of '{path}': {failure.Message} (--out)", failure);
        }
    }

    /// <param name="Build">Gets the side of the input image, or the sequence length where there is no image; null for
    /// the fitted model.</param>
    private sealed record Architecture(
        string Name, string Title, Action<OnnxModelBuilder, SampleModelOptions, int>? Build)
    {
        public double WidthMax { get; init; } = 4;

        /// <summary>Published and smallest side of the input image; null for models of token sequences.</summary>
        public (int Published, int Min)? Image { get; init; }

        /// <summary>What the side of the input image is a multiple of.</summary>
        public int ImageStep { get; init; } = 1;
    }
}
