using System.Globalization;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>The files of the demo's models: made on first use, then found.</summary>
internal sealed class DemoSamples(DemoOptions options)
{
    private const double Mega = 1e6;

    /// <summary>Names of all models, the real-time one first.</summary>
    public IReadOnlyList<string> Names { get; } =
        [DemoOptions.Digits, .. options.Widths.Keys.Where(name => name != DemoOptions.Digits)];

    public double WidthOf(string name) => options.Widths.GetValueOrDefault(name, 1);

    public bool Has(string name) => SampleModelCache.Has(name, WidthOf(name), options.Folder);

    public double FileMb(string name) => Math.Round(new FileInfo(PathOf(name)).Length / Mega, 1);

    /// <summary>Makes the model's file if it is not there; stops between two tensors when cancelled.</summary>
    /// <exception cref="ModelException">The file cannot be written.</exception>
    public string Make(string name, CancellationToken cancellation)
    {
        SampleModelCache.PathOf(name, WidthOf(name), options.Folder, new Stopper(cancellation));
        return string.Create(CultureInfo.InvariantCulture, $"{FileMb(name):0.0} MB");
    }

    /// <summary>What the server loads: every model under its plain name, whatever its file is called.</summary>
    public IReadOnlyList<ModelSource> Sources() =>
        [.. Names.Select(name => new ModelSource(name, "1", PathOf(name), ConfigurationOf(name)))];

    // Also for requests without a priority: digits is a real-time model, here and when `atoll serve` finds the file.
    private string? ConfigurationOf(string name)
    {
        if (name != DemoOptions.Digits)
        {
            return null;
        }

        var path = Path.ChangeExtension(PathOf(name), ".config.json");
        if (!File.Exists(path))
        {
            File.WriteAllText(path, """{ "class": "real_time" }""" + "\n");
        }

        return path;
    }

    private string PathOf(string name) => SampleModelCache.PathOf(name, WidthOf(name), options.Folder);

    private sealed class Stopper(CancellationToken cancellation) : IProgress<long>
    {
        public void Report(long value) => cancellation.ThrowIfCancellationRequested();
    }
}
