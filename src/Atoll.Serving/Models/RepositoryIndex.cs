namespace Atoll.Serving;

/// <summary>What the model repository extension lists, and when it may change anything.</summary>
internal static class RepositoryIndex
{
    /// <summary>
    /// One version, or a model of the folder of which nothing was ever loaded: then the rest is empty.
    /// </summary>
    internal sealed record Row(string Name, string Version, string State, string Reason);

    /// <exception cref="ServingException">The folder cannot be read.</exception>
    public static IReadOnlyList<Row> Rows(ModelRepository repository, ModelCatalog catalog, bool readyOnly)
    {
        var rows = repository.Entries
            .Where(entry => !readyOnly || entry.State == ModelState.Ready)
            .Select(entry => new Row(entry.Name, entry.Version, StateOf(entry), entry.Reason)).ToList();
        if (!readyOnly)
        {
            var known = repository.Entries.Select(entry => entry.Name).ToHashSet();
            rows.AddRange(catalog.Sources().Select(source => source.Name).Where(known.Add)
                .Select(name => new Row(name, "", "", "")));
            rows.Sort((x, y) => string.CompareOrdinal(x.Name, y.Name));
        }

        return rows;
    }

    /// <exception cref="RequestException">Models are not loaded by request: 503, as other servers answer.</exception>
    public static void RequireExplicit(ServingOptions options)
    {
        if (options.ControlMode != ModelControlMode.Explicit)
        {
            var reason = options.ControlMode == ModelControlMode.Poll
                ? "if polling is enabled"
                : "unless the control mode is explicit";
            throw new RequestException(503,
                $"explicit model load / unload is not allowed {reason} (setting serving.model_control)");
        }
    }

    private static string StateOf(ModelEntry entry) => entry.State switch
    {
        ModelState.Ready => "READY",
        ModelState.Loading => "LOADING",
        ModelState.Unloading => "UNLOADING",
        _ => "UNAVAILABLE",
    };
}
