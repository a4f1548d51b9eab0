namespace Atoll.Serving;

/// <summary>
/// Which models there are to load: the ones found in a folder now, or the ones given once. Reading it reads the folder.
/// </summary>
internal sealed class ModelCatalog(string? folder)
{
    private IReadOnlyList<ModelSource> _given = [];

    /// <summary>Sets the sources of a server without a folder.</summary>
    public void Give(IReadOnlyList<ModelSource> sources) => _given = sources;

    /// <exception cref="ServingException">The folder cannot be read.</exception>
    public IReadOnlyList<ModelSource> Sources() => folder is null ? _given : ModelSource.Find(folder);

    public IEnumerable<ModelSource> SourcesOf(string name) => Sources().Where(source => source.Name == name);
}
