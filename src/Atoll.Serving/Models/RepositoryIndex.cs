namespace Atoll.Serving;

/// <summary>What the model repository extension lists.</summary>
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

    private static string StateOf(ModelEntry entry) => entry.State switch
    {
        ModelState.Ready => "READY",
        ModelState.Loading => "LOADING",
        ModelState.Unloading => "UNLOADING",
        _ => "UNAVAILABLE",
    };
}
