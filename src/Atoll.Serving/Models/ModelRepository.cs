using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>
/// All models of the server by name and version. A model that fails to load stays listed with its reason. Thread-safe.
/// </summary>
internal sealed partial class ModelRepository(
    IModelLoader loader, ModelConfiguration defaults, TimeProvider clock, ILogger logger) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<(string Name, string Version), ModelEntry> _entries = new();

    /// <summary>All versions, by name then version.</summary>
    public IEnumerable<ModelEntry> Entries => _entries.Values
        .OrderBy(entry => entry.Name, StringComparer.Ordinal).ThenBy(entry => long.Parse(entry.Version));

    /// <summary>The version asked for, or the newest when none is; null when there is none.</summary>
    public ModelEntry? Find(string name, string? version)
    {
        if (version is not null)
        {
            return _entries.GetValueOrDefault((name, version));
        }

        return _entries.Values.Where(entry => entry.Name == name)
            .OrderBy(entry => entry.State == ModelState.Ready).ThenBy(entry => long.Parse(entry.Version))
            .LastOrDefault();
    }

    public IEnumerable<string> VersionsOf(string name) =>
        Entries.Where(entry => entry.Name == name).Select(entry => entry.Version);

    /// <summary>
    /// Loads the sources, at most <paramref name="parallel"/> at a time; returns when each is ready or failed. Of two
    /// sources of one version the first is served.
    /// </summary>
    public async Task LoadAsync(IReadOnlyList<ModelSource> sources, int parallel, CancellationToken cancellation)
    {
        var entries = new List<ModelEntry>();
        foreach (var source in sources)
        {
            var entry = new ModelEntry(source, clock);
            if (_entries.TryAdd((source.Name, source.Version), entry))
            {
                entries.Add(entry);
            }
            else
            {
                var first = _entries[(source.Name, source.Version)].Source.Path;
                LogFailed(source.Name, source.Version, $"'{source.Path}' is left out: '{first}' is the same version");
            }
        }

        var limits = new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation };
        await Parallel.ForEachAsync(entries, limits, LoadOneAsync);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var entry in _entries.Values)
        {
            if (entry.Model is { } model)
            {
                await model.DisposeAsync();
            }
        }
    }

    private async ValueTask LoadOneAsync(ModelEntry entry, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        try
        {
            var configuration = entry.Source.ConfigurationPath is { } path
                ? ModelConfiguration.Read(path, defaults)
                : defaults;
            entry.Succeed(await loader.LoadAsync(entry.Source, configuration, cancellation), configuration);
            var elapsed = clock.GetElapsedTime(began);
            LogLoaded(entry.Name, entry.Version, elapsed);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            entry.Fail("loading was cancelled");
            throw;
        }
        catch (Exception e)
        {
            // One model's fault must not take the others down, whatever it is.
            entry.Fail(e.Message);
            LogFailed(entry.Name, entry.Version, e.Message);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information,
        Message = "Loaded model {Name} version {Version} in {Elapsed}")]
    private partial void LogLoaded(string name, string version, TimeSpan elapsed);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error,
        Message = "Model {Name} version {Version} failed to load: {Reason}")]
    private partial void LogFailed(string name, string version, string reason);
}
