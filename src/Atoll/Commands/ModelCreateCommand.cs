using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Models;

namespace Atoll;

/// <summary>`atoll model create`: writes sample models as ONNX files.</summary>
internal static class ModelCreateCommand
{
    private const string All = "all";
    private const string Protocol = "protocol";
    private const double Mega = 1e6;

    private static readonly Argument<string> Name = new("name")
    {
        Description = $"One of {string.Join(", ", SampleModels.Names)}, or {All} of these; one of " +
            $"{string.Join(", ", SampleModels.QuantizedNames)}, of 8 bits; or one of " +
            $"{string.Join(", ", ProtocolModels.Names)}, which example clients ask for, or {Protocol} for all those.",
    };

    private static readonly Option<string> Out = new("--out")
    {
        Description = "Folder for NAME.onnx; made when absent.",
        DefaultValueFactory = _ => "models",
    };

    private static readonly Option<double> Width = new("--width")
    {
        Description = "Factor on the channel counts, rounded to multiples of 8; 1 is the published size.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> Seed = new("--seed")
    {
        Description = "Seed of the weights.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int?> Image = new("--image")
    {
        Description = "Height and width of the input image, for models that have one to choose.",
    };

    private static readonly Option<int> Batch = new("--batch")
    {
        Description = "Items per inference; 0 leaves their number open, so that requests can be batched.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<bool> ExternalData = new("--external-data")
    {
        Description = "Write the weights to a second file, NAME.onnx.data; needed over 2 GB.",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    public static Command Create(TimeProvider time)
    {
        var command = new Command("create", "Write a sample model, with seeded weights, as an ONNX file.")
        {
            Name, Out, Width, Seed, Image, Batch, ExternalData, Json,
        };
        command.SetAction((result, stop) => Task.FromResult(Run(result, time, stop)));
        return command;
    }

    private static int Run(ParseResult result, TimeProvider time, CancellationToken stop)
    {
        var name = result.GetRequiredValue(Name);
        CheckName(name);
        CheckFolder(result.GetRequiredValue(Out));
        var output = result.InvocationConfiguration.Output;
        var json = result.GetValue(Json);
        var reports = new List<object>();
        foreach (var model in name == All ? SampleModels.Names : name == Protocol ? ProtocolModels.Names : [name])
        {
            stop.ThrowIfCancellationRequested();
            var start = time.GetTimestamp();
            var report = Make(result, model);
            var seconds = time.GetElapsedTime(start).TotalSeconds;
            reports.Add(Describe(report, seconds));
            if (!json)
            {
                Print(report, seconds, output);
            }
        }

        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(new { Models = reports }, JsonText.Indented));
        }

        return ExitCode.Done;
    }

    private static void CheckName(string name)
    {
        string[] known =
            [.. SampleModels.Names, .. SampleModels.QuantizedNames, .. ProtocolModels.Names, All, Protocol];
        if (!known.Contains(name))
        {
            throw new UsageException(
                $"no sample model is named '{name}', the nearest is {NearestName.Of(name, known)}; there are " +
                string.Join(", ", known));
        }
    }

    private static void CheckFolder(string folder)
    {
        if (folder.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase))
        {
            throw new UsageException($"--out {folder}: a folder is needed; the file in it is named after the model");
        }
    }

    private static SampleModelReport Make(ParseResult result, string model)
    {
        if (ProtocolModels.Names.Contains(model))
        {
            return ProtocolModels.Create(model, result.GetRequiredValue(Out));
        }

        var chooses = result.GetRequiredValue(Name) != All || SampleModels.HasImageSize(model);
        var options = new SampleModelOptions
        {
            Width = result.GetValue(Width),
            Seed = result.GetValue(Seed),
            Image = chooses ? result.GetValue(Image) : null,
            Batch = result.GetValue(Batch),
            ExternalData = result.GetValue(ExternalData),
        };
        var path = Path.Combine(result.GetRequiredValue(Out), model + ".onnx");
        using var progress = new ModelProgress(model, result.InvocationConfiguration.Error);
        return SampleModels.Create(model, path, options, progress);
    }

    private static void Print(SampleModelReport report, double seconds, TextWriter output)
    {
        var accuracy = report.HeldOutAccuracy is { } share
            ? string.Create(CultureInfo.InvariantCulture, $", held-out accuracy {100 * share:0.0} %")
            : "";
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Path}: {report.Architecture}, width {report.Options.Width:0.###}, {report.Nodes} nodes, " +
            $"{report.Parameters:N0} parameters, {report.Bytes / Mega:0.0} MB in {seconds:0.0} s{accuracy}"));
    }

    private static object Describe(SampleModelReport report, double seconds) => new
    {
        report.Name,
        report.Path,
        report.Architecture,
        report.Options.Width,
        report.Options.Seed,
        report.Bytes,
        report.Parameters,
        report.Nodes,
        report.HeldOutAccuracy,
        Seconds = Math.Round(seconds, 3),
    };

    /// <summary>One line on a terminal that is written over; silent in files and pipes.</summary>
    private sealed class ModelProgress : IProgress<long>, IDisposable
    {
        private readonly string _model;
        private readonly TextWriter? _terminal;
        private long _bytes;

        public ModelProgress(string model, TextWriter error)
        {
            _model = model;
            _terminal = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected ? error : null;
            _terminal?.Write($"\r{model}: making …");
        }

        public void Report(long value)
        {
            _bytes += value;
            _terminal?.Write(string.Create(CultureInfo.InvariantCulture, $"\r{_model}: {_bytes / Mega:0} MB written "));
        }

        public void Dispose() => _terminal?.Write("\r" + new string(' ', 60) + "\r");
    }
}
