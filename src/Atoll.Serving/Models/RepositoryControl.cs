using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>Who decides which models are loaded.</summary>
public enum ModelControlMode
{
    /// <summary>All models of the folder, once, at the start.</summary>
    None,

    /// <summary>The folder: it is read again every so often, and what changed is loaded or unloaded.</summary>
    Poll,

    /// <summary>Clients, by load and unload requests.</summary>
    Explicit,
}

/// <summary>
/// Loads, replaces and unloads models. A version in service goes on until its successor is ready, and then until its
/// last request has ended. Changes of one model come one after another, of different models at once. Thread-safe.
/// </summary>
internal sealed partial class RepositoryControl(
    ModelRepository repository, ModelCatalog catalog, IModelLoader loader, ServingOptions options,
    RepositoryServices services) : IDisposable
{
    /// <summary>Models that are remembered, and versions of one; what is not served is forgotten first.</summary>
    internal const int MostModels = 4096;
    internal const int MostVersions = 128;

    private readonly NameGates _gates = new();
    private readonly SemaphoreSlim _loads = new(options.ParallelLoads);
    private readonly ConcurrentDictionary<string, string> _told = [];
    private readonly ILogger _logger = services.Logger;

    /// <summary>
    /// Loads every model of these sources, then every query; returns when each version is ready or failed.
    /// </summary>
    public async Task LoadAllAsync(IEnumerable<ModelSource> sources, CancellationToken cancellation)
    {
        var models = sources.GroupBy(source => source.Name).ToLookup(group => group.First().IsQuery);
        foreach (var kind in new[] { models[false], models[true] })
        {
            await Task.WhenAll(kind.Select(model => _gates.RunAsync(
                model.Key, () => ReplaceAsync(model.Key, [.. model], null, cancellation), cancellation)));
        }
    }

    /// <summary>Loads or reloads one model; null when its versions are ready, else what went wrong.</summary>
    public async Task<string?> LoadAsync(string name, ModelOverride? replacement, CancellationToken cancellation)
    {
        var folder = replacement?.Unpack(name);
        try
        {
            ModelSource[] sources =
                [.. folder is null ? catalog.SourcesOf(name) : ModelSource.Find(folder.FullName)];
            if (sources.Length == 0)
            {
                return folder is null
                    ? "failed to poll from model repository"
                    : "the files hold no VERSION/model.onnx";
            }

            return await _gates.RunAsync(
                name, () => ReplaceAsync(name, sources, replacement, cancellation), cancellation);
        }
        finally
        {
            folder?.Delete(recursive: true);
        }
    }

    /// <summary>
    /// Unloads all versions; returns when their last requests have ended and their memory is free. Queries that run the
    /// model cannot go on without it: they are unloaded too, and come back with the model unless
    /// <paramref name="withDependents"/> asks for them to be gone as well.
    /// </summary>
    public async Task UnloadAsync(string name, bool withDependents, CancellationToken cancellation)
    {
        var draining = await TakeDownAsync(name, withDependents, cancellation);
        await draining.WaitAsync(cancellation);
    }

    /// <summary>Lets nothing more in; the answer ends when the last requests have.</summary>
    private async Task<Task> TakeDownAsync(string name, bool withDependents, CancellationToken cancellation)
    {
        var draining = await _gates.RunAsync(name, async () =>
        {
            var reason = withDependents ? "unloaded" : null;
            var users = Task.WhenAll(await Task.WhenAll(QueriesOver(name).Select(query =>
                TakeDownAsync(query, reason ?? Lacks(query, name), !withDependents))));
            return Task.WhenAll(repository.EntriesOf(name).ToArray().Select(entry =>
            {
                entry.AwaitsModel = false;
                return repository.Retire(entry, "unloaded", users);
            }).Append(users));
        }, cancellation);
        LogUnloading(name);
        return draining;
    }

    /// <summary>Reads the folder once and makes the repository follow it.</summary>
    public async Task PollAsync(CancellationToken cancellation)
    {
        var sources = catalog.Sources();
        await LoadAllAsync(sources, cancellation);
        var names = sources.Select(source => source.Name).ToHashSet();
        foreach (var gone in repository.Entries.Where(entry => !names.Contains(entry.Name) && IsServed(entry))
            .Select(entry => entry.Name).Distinct().ToArray())
        {
            // Requests that do not end must not keep the folder from being followed.
            _ = await TakeDownAsync(gone, false, cancellation);
        }
    }

    /// <summary>Polls until cancelled; a folder that cannot be read now is tried again next time.</summary>
    public async Task FollowAsync(TimeSpan period, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(period, services.Clock);
        string? told = null;
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            try
            {
                await PollAsync(cancellation);
                told = null;
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                // Whatever went wrong, the next look may go well. It is told once.
                if (e.Message != told)
                {
                    told = e.Message;
                    LogPollFailed(e.Message);
                }
            }
        }
    }

    public void Dispose() => _loads.Dispose();

    private static bool IsServed(ModelEntry entry) => entry.State is ModelState.Ready or ModelState.Loading;

    /// <summary>Loads the versions that the policy wants, then retires those that it does not.</summary>
    private async Task<string?> ReplaceAsync(
        string name, ModelSource[] sources, ModelOverride? replacement, CancellationToken cancellation)
    {
        ModelSource[] versions = [.. sources.DistinctBy(source => source.Version)];
        foreach (var left in sources.Except(versions))
        {
            var first = versions.First(source => source.Version == left.Version).Path;
            TellFailure(left, StampOf(left, replacement), $"'{left.Path}' is left out: '{first}' is the same version");
        }

        ModelConfiguration configuration;
        try
        {
            configuration = Configuration(versions[0], replacement);
        }
        catch (Exception e)
        {
            // One model's fault must not take the others down, whatever it is.
            Array.ForEach(versions, source => FailUnlessReady(source, StampOf(source, replacement), e.Message));
            return e.Message;
        }

        var wanted = configuration.VersionPolicy.Choose(versions);
        if (wanted.Count == 0)
        {
            return "version_policy names none of the versions there are";
        }

        if (MakeRoom(name, wanted) is { } full)
        {
            return full;
        }

        Task<VersionLoad>[] loading = [.. wanted.Select(source =>
            LoadVersionAsync(source, configuration, StampOf(source, replacement), cancellation))];
        var loaded = Task.WhenAll(loading);
        await ((Task)loaded).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        VersionLoad[] loads = [.. loading.Where(load => load.IsCompletedSuccessfully).Select(load => load.Result)];
        var failures = loads.Select(load => load.Reason).OfType<string>().ToArray();
        ModelEntry[] replaced = [.. loads.Select(load => load.Before).OfType<ModelEntry>()];
        var mayRetire = failures.Length == 0 && loaded.IsCompletedSuccessfully;
        ModelEntry[] others = mayRetire ? [.. repository.EntriesOf(name).Where(
            entry => IsServed(entry) && wanted.All(source => source.Version != entry.Version))] : [];

        // Also where a version's load was given up: what the others replaced has to go all the same.
        await HandOverAsync(name, [.. replaced, .. others], loads.Any(load => load.IsNew));
        await loaded;
        return failures.Length > 0 ? string.Join("; ", failures) : null;
    }

    /// <summary>
    /// Forgets what is not served, oldest first, where more would be remembered than may be; else why nothing more can
    /// be loaded.
    /// </summary>
    private string? MakeRoom(string name, IReadOnlyList<ModelSource> wanted)
    {
        var known = repository.EntriesOf(name).ToArray();
        if (known.Length == 0 && repository.Names >= MostModels)
        {
            var idle = repository.Entries.GroupBy(entry => entry.Name)
                .FirstOrDefault(group => group.All(entry => entry.IsIdle));
            if (idle is null)
            {
                return $"{MostModels} models are loaded, which is the most; unload some";
            }

            Array.ForEach([.. idle], repository.Forget);
        }

        var count = known.Length + wanted.Count(source => known.All(entry => entry.Version != source.Version));
        foreach (var old in known.Where(
            entry => entry.IsIdle && wanted.All(source => source.Version != entry.Version)))
        {
            if (count > MostVersions)
            {
                repository.Forget(old);
                count--;
            }
        }

        return count <= MostVersions ? null
            : $"{count} versions would be kept; the limit is {MostVersions} (setting version_policy of config.json)";
    }

    private ModelConfiguration Configuration(ModelSource source, ModelOverride? replacement)
    {
        if (replacement?.Read(source.Name, options.ModelDefaults) is { } given)
        {
            return given;
        }

        return source.ConfigurationPath is { } path
            ? ModelConfiguration.Read(path, options.ModelDefaults)
            : options.ModelDefaults;
    }

    private static string StampOf(ModelSource source, ModelOverride? replacement) =>
        $"{(replacement is { Files.Count: > 0 } ? Guid.NewGuid().ToString() : source.Stamp())}" +
        $"|{replacement?.Configuration}";

    /// <summary>
    /// Loads one version and puts it in its place. One that is in service stays so when its successor fails, and is
    /// not loaded again while nothing has changed.
    /// </summary>
    private async Task<VersionLoad> LoadVersionAsync(
        ModelSource source, ModelConfiguration configuration, string stamp, CancellationToken cancellation)
    {
        var current = repository.Find(source.Name, source.Version);
        if (current is { State: ModelState.Ready } && current.Stamp == stamp)
        {
            return default;
        }

        // What a query runs may have changed although its own file has not.
        if (options.ControlMode == ModelControlMode.Poll && current?.FailedStamp == stamp && !source.IsQuery)
        {
            return new VersionLoad(current.Reason);
        }

        var entry = new ModelEntry(source, services.Clock)
        {
            Stamp = stamp, AwaitsModel = current?.AwaitsModel == true,
        };
        if (current is not { State: ModelState.Ready })
        {
            repository.Publish(entry);
        }

        var reason = await TryLoadAsync(entry, configuration, cancellation);
        if (reason is null)
        {
            entry.AwaitsModel = false;
            return new VersionLoad(null, repository.Publish(entry), IsNew: true);
        }

        (current is { State: ModelState.Ready } ? current : entry).FailedStamp = stamp;
        repository.Refresh(source.Name);
        return new VersionLoad($"version {source.Version}: {reason}");
    }

    private async Task<string?> TryLoadAsync(
        ModelEntry entry, ModelConfiguration configuration, CancellationToken cancellation)
    {
        var began = services.Clock.GetTimestamp();
        try
        {
            await _loads.WaitAsync(cancellation);
            try
            {
                entry.Labels = LabelFile.ReadAll(entry.Source, configuration);
                entry.Succeed(await LoadModelAsync(entry.Source, configuration, cancellation), configuration);
            }
            finally
            {
                _loads.Release();
            }

            var elapsed = services.Clock.GetElapsedTime(began);
            _told.TryRemove(entry.Source.Path, out _);
            LogLoaded(entry.Name, entry.Version, elapsed);
            return null;
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
            TellFailure(entry.Source, entry.Stamp, e.Message);
            return e.Message;
        }
    }

    private async Task<IServedModel> LoadModelAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellation)
    {
        var model = await Task.Run(() => loader.LoadAsync(source, configuration, cancellation), cancellation);
        try
        {
            var bound = BoundModel.Bind(model, configuration, services.Clock);
            configuration.CheckAgainst(bound.Metadata);
            return bound;
        }
        catch
        {
            await model.DisposeAsync();
            throw;
        }
    }

    /// <summary>Logs why a source is not served; while polling finds the same again, it is not news.</summary>
    private void TellFailure(ModelSource source, string stamp, string reason)
    {
        var news = $"{stamp}: {reason}";
        if (options.ControlMode == ModelControlMode.Poll && _told.TryGetValue(source.Path, out var told) &&
            told == news)
        {
            return;
        }

        if (_told.Count >= MostModels)
        {
            _told.Clear();
        }

        _told[source.Path] = news;
        LogFailed(source.Name, source.Version, reason);
    }

    private void FailUnlessReady(ModelSource source, string stamp, string reason)
    {
        TellFailure(source, stamp, reason);
        if (repository.Find(source.Name, source.Version) is not { State: ModelState.Ready })
        {
            var entry = new ModelEntry(source, services.Clock) { Stamp = stamp };
            entry.Fail(reason);
            repository.Publish(entry);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information,
        Message = "Loaded model {Name} version {Version} in {Elapsed}")]
    private partial void LogLoaded(string name, string version, TimeSpan elapsed);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error,
        Message = "Model {Name} version {Version} failed to load: {Reason}")]
    private partial void LogFailed(string name, string version, string reason);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "Unloading model {Name}")]
    private partial void LogUnloading(string name);

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "Cannot follow the model folder: {Reason}")]
    private partial void LogPollFailed(string reason);
}

/// <summary>What repository changes need of their surroundings.</summary>
internal sealed record RepositoryServices(TimeProvider Clock, ILogger Logger);
