namespace Atoll.Serving;

/// <summary>Finds the model that a request names, or says why it cannot be used.</summary>
internal static class ModelLookup
{
    /// <param name="version">Null = the newest.</param>
    /// <exception cref="RequestException">There is no such model or version.</exception>
    public static ModelEntry Find(ModelRepository repository, string name, string? version) =>
        repository.Find(name, version) ?? throw new RequestException(404, version is null
            ? $"Request for unknown model: '{name}' is not found"
            : $"Request for unknown model: '{name}' version {version} is not found");

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
