namespace Atoll.Serving;

/// <summary>
/// Which models and queries there are to load: those found in a folder now, or those that were given. Reading it reads
/// the folder.
/// </summary>
internal sealed class ModelCatalog(string? folder)
{
    private IReadOnlyList<ModelSource> _given = [];

    /// <summary>Adds to the sources of a server without a folder.</summary>
    public void Give(IReadOnlyList<ModelSource> sources) => _given = [.. _given.Except(sources), .. sources];

    /// <exception cref="ServingException">The folder cannot be read.</exception>
    public IReadOnlyList<ModelSource> Sources() => folder is null
        ? _given
        : [.. ModelSource.Find(folder), .. ModelSource.FindQueries(folder)];

    public IEnumerable<ModelSource> SourcesOf(string name) => Sources().Where(source => source.Name == name);
}
