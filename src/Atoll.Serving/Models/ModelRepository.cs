using System.Collections.Concurrent;

namespace Atoll.Serving;

/// <summary>
/// All models of the server by name and version, whatever their state. A version is replaced by publishing another
/// entry in its place; the one before then drains by itself. Thread-safe; lookups take no lock.
/// </summary>
internal sealed class ModelRepository : IAsyncDisposable
{
    private readonly Lock _choosing = new();
    private readonly ConcurrentDictionary<(string Name, string Version), ModelEntry> _entries = new();
    private readonly ConcurrentDictionary<string, ModelEntry> _defaults = new();
    private readonly ConcurrentDictionary<ModelEntry, Task> _retiring = new();

    /// <summary>All versions, by name then version.</summary>
    public IEnumerable<ModelEntry> Entries => _entries.Values
        .OrderBy(entry => entry.Name, StringComparer.Ordinal).ThenBy(entry => entry.NumericVersion);

    public int Count => _entries.Count;

    /// <summary>Models that are remembered, whatever their versions' states.</summary>
    public int Names => _defaults.Count;

    /// <summary>The version asked for, or the newest ready one when none is; null when there is none.</summary>
    public ModelEntry? Find(string name, string? version) => version is { Length: > 0 }
        ? _entries.GetValueOrDefault((name, version))
        : _defaults.GetValueOrDefault(name);

    public IEnumerable<ModelEntry> EntriesOf(string name) =>
        _entries.Values.Where(entry => entry.Name == name).OrderBy(entry => entry.NumericVersion);

    /// <summary>Versions that serve.</summary>
    public IEnumerable<string> VersionsOf(string name) =>
        EntriesOf(name).Where(entry => entry.State == ModelState.Ready).Select(entry => entry.Version);

    /// <summary>
    /// Puts the entry in its version's place, and answers the one that it replaces, which is the caller's to retire.
    /// </summary>
    public ModelEntry? Publish(ModelEntry entry)
    {
        ModelEntry? before = null;
        _entries.AddOrUpdate((entry.Name, entry.Version), entry, (_, old) =>
        {
            before = old;
            return entry;
        });
        Refresh(entry.Name);
        return before == entry ? null : before;
    }

    /// <summary>Lists an entry no more that neither serves nor changes.</summary>
    public void Forget(ModelEntry entry)
    {
        _entries.TryRemove(KeyValuePair.Create((entry.Name, entry.Version), entry));
        Refresh(entry.Name);
    }

    /// <summary>Chooses the default version of a model again, after an entry's state has changed.</summary>
    public void Refresh(string name)
    {
        // One at a time: versions come ready in parallel, and an earlier look must not overwrite a later one.
        lock (_choosing)
        {
            var best = _entries.Values.Where(entry => entry.Name == name)
                .OrderBy(entry => entry.State == ModelState.Ready).ThenBy(entry => entry.NumericVersion)
                .LastOrDefault();
            if (best is not null)
            {
                _defaults[name] = best;
            }
            else
            {
                _defaults.TryRemove(name, out _);
            }
        }
    }

    /// <summary>Lets nothing more in; the task ends when the last request has ended and the memory is free.</summary>
    public Task Retire(ModelEntry entry) => Retire(entry, "unloaded", Task.CompletedTask);

    /// <summary>The same, with a reason to tell; the memory is kept until <paramref name="users"/> ends too.</summary>
    public Task Retire(ModelEntry entry, string reason, Task users)
    {
        var task = entry.RetireAsync(reason, users);
        _retiring[entry] = task;
        Refresh(entry.Name);
        return ForgetAsync(entry, task);
    }

    /// <summary>Ends when the memory of every model that was retired so far is free.</summary>
    public Task RetiredAsync() => Task.WhenAll(_retiring.Values);

    public async ValueTask DisposeAsync() => await Task.WhenAll(_entries.Values.Concat(_retiring.Keys).Select(Retire));

    private async Task ForgetAsync(ModelEntry entry, Task task)
    {
        try
        {
            await task;
        }
        finally
        {
            _retiring.TryRemove(entry, out _);
        }
    }
}
