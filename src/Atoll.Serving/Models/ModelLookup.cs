namespace Atoll.Serving;

/// <summary>Finds the model that a request names, or says why it cannot be used.</summary>
internal static class ModelLookup
{
    /// <summary>The version asked for, or the newest ready one, kept loaded until the answer is disposed.</summary>
    /// <exception cref="RequestException">404 when there is no such model, 503 when it is not ready.</exception>
    public static ModelUse Use(this ModelRepository repository, string name, string? version)
    {
        while (true)
        {
            var entry = Find(repository, name, version);
            if (entry.TryUse())
            {
                return new ModelUse(entry);
            }

            // A version that was replaced just now has its successor in place already: look again.
            if (entry.State is ModelState.Loading or ModelState.Failed)
            {
                RequireLoaded(entry);
            }
        }
    }

    /// <summary>The entry in any state but unloaded.</summary>
    /// <param name="version">Null or empty = the newest.</param>
    /// <exception cref="RequestException">There is no such model or version.</exception>
    public static ModelEntry Find(ModelRepository repository, string name, string? version)
    {
        var entry = repository.Find(name, version);
        while (entry is { State: ModelState.Unloaded or ModelState.Unloading })
        {
            // A successor is put in place before its predecessor is unloaded: only who is still there is gone for good.
            var before = entry;
            entry = repository.Find(name, version);
            if (entry == before)
            {
                break;
            }
        }

        if (entry is { State: not (ModelState.Unloaded or ModelState.Unloading) })
        {
            return entry;
        }

        var which = version is { Length: > 0 } ? $"'{name}' version {version}" : $"'{name}'";
        throw new RequestException(404, entry is null && repository.Find(name, null) is null
            ? $"Request for unknown model: {which} is not found"
            : $"Request for unknown model: {which} has no available versions");
    }

    /// <exception cref="RequestException">The model is loading, or failed to load.</exception>
    public static void RequireLoaded(ModelEntry entry)
    {
        if (entry.State != ModelState.Ready)
        {
            throw new RequestException(503, entry.State == ModelState.Loading
                ? $"model '{entry.Name}' is still loading"
                : $"model '{entry.Name}' version {entry.Version} failed to load: {entry.Reason}");
        }
    }
}
