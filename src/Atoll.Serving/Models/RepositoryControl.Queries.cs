namespace Atoll.Serving;

/// <summary>
/// What loading and unloading a model means for the queries that run it. A query runs the versions that were there when
/// it was loaded, so it is loaded again when one of them is replaced: like any successor, it takes over when it is
/// ready, and its predecessor's requests end on the versions that they began with.
/// </summary>
internal sealed partial class RepositoryControl
{
    private IEnumerable<ModelEntry> QueriesOver(string model) => [.. repository.Entries.Where(entry =>
        entry.Name != model && entry is { State: ModelState.Ready, Query: { } query } &&
        query.Spec.Runs(model))];

    private static string Lacks(ModelEntry query, string model) =>
        $"query '{query.Name}' depends on '{model}' which has no loaded version";

    /// <summary>
    /// Versions of a model have come, gone or both: brings the queries that run it up to date, then lets go of the
    /// versions that were replaced, each once nothing runs on it any more. Returns when the queries are up to date.
    /// </summary>
    /// <remarks>Who asked for the change may leave meanwhile; what it means for the queries is carried out.</remarks>
    private async Task HandOverAsync(string name, IReadOnlyList<ModelEntry> leaving, bool anyNew)
    {
        var drains = new List<Task>();
        if (anyNew || leaving.Count > 0)
        {
            foreach (var query in QueriesOver(name))
            {
                if (query.Query?.Spec is not { } spec)
                {
                    // It was unloaded just now.
                    continue;
                }

                var lost = leaving.FirstOrDefault(entry => spec.RunsVersion(name, entry.Version) &&
                    repository.Find(name, entry.Version) == entry);
                drains.Add(await (lost is null
                    ? ReloadAsync(query)
                    : TakeDownAsync(query, Lacks(query, $"{name}/{lost.Version}"), true)));
            }
        }

        var users = Task.WhenAll(drains);
        foreach (var entry in leaving)
        {
            _ = repository.Retire(entry, "unloaded", users);
        }

        if (anyNew)
        {
            await BringBackAsync();
        }
    }

    /// <summary>
    /// Unloads a query whose model goes; the answer ends when its last request has, which is not waited for.
    /// </summary>
    private Task<Task> TakeDownAsync(ModelEntry query, string reason, bool comesBack) =>
        _gates.RunAsync(query.Name, () =>
        {
            query.AwaitsModel = comesBack;
            return Task.FromResult(repository.Retire(query, reason, Task.CompletedTask));
        }, CancellationToken.None);

    /// <summary>
    /// Puts a query over the versions of now in the place of this one. Where that cannot be, it is unloaded with the
    /// reason.
    /// </summary>
    private Task<Task> ReloadAsync(ModelEntry query) =>
        _gates.RunAsync(query.Name, async () =>
        {
            if (query.State != ModelState.Ready || repository.Find(query.Name, query.Version) != query)
            {
                return Task.CompletedTask;
            }

            var successor = new ModelEntry(query.Source, services.Clock) { Stamp = query.Stamp };
            var reason = await TryLoadAsync(successor, query.Configuration, CancellationToken.None);
            if (reason is null)
            {
                repository.Publish(successor);
            }

            query.AwaitsModel = reason is not null;
            return repository.Retire(query, reason ?? "replaced", Task.CompletedTask);
        }, CancellationToken.None);

    /// <summary>Loads queries again that were unloaded with a model, where all their models are there now.</summary>
    private async Task BringBackAsync()
    {
        ModelEntry[] away = [.. repository.Entries.Where(entry => entry is { AwaitsModel: true, IsIdle: true })];
        foreach (var query in away)
        {
            await _gates.RunAsync(
                query.Name,
                async () => query.AwaitsModel && repository.Find(query.Name, query.Version) == query
                    ? await LoadVersionAsync(query.Source, query.Configuration, query.Stamp, CancellationToken.None)
                    : default,
                CancellationToken.None);
        }
    }

    /// <summary>What became of loading a version: why it failed, or the entry that it took the place of.</summary>
    private readonly record struct VersionLoad(string? Reason, ModelEntry? Before = null, bool IsNew = false);
}
