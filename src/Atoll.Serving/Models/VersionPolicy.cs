namespace Atoll.Serving;

/// <summary>Which of a model's versions are served. The default is the latest one.</summary>
public sealed record VersionPolicy
{
    /// <summary>Serves the newest version alone.</summary>
    public static VersionPolicy LatestOne { get; } = new() { Latest = 1 };

    /// <summary>Serves every version there is.</summary>
    public static VersionPolicy All { get; } = new();

    /// <summary>So many of the newest versions; null = another rule.</summary>
    public int? Latest { get; init; }

    /// <summary>These versions where they exist; null = another rule.</summary>
    public IReadOnlyList<long>? Specific { get; init; }

    /// <summary>The sources to serve, oldest first, of one model's.</summary>
    public IReadOnlyList<ModelSource> Choose(IEnumerable<ModelSource> sources)
    {
        var ordered = sources.OrderBy(source => long.Parse(source.Version));
        return this switch
        {
            { Specific: { } versions } => [.. ordered.Where(source => versions.Contains(long.Parse(source.Version)))],
            { Latest: { } count } => [.. ordered.TakeLast(count)],
            _ => [.. ordered],
        };
    }
}

/// <summary>The form of `version_policy` in a configuration: exactly one of its names is given.</summary>
internal sealed record VersionPolicyFile
{
    public LatestVersions? Latest { get; init; }

    public AllVersions? All { get; init; }

    public SpecificVersions? Specific { get; init; }

    public VersionPolicy ToPolicy(string where)
    {
        var given = new object?[] { Latest, All, Specific }.Count(rule => rule is not null);
        if (given != 1)
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: version_policy has {given} rules; it must have one of latest, all, specific");
        }

        if (Latest is { NumVersions: < 1 })
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: version_policy.latest.num_versions is {Latest.NumVersions}; it must be 1 or more");
        }

        return Specific is { } specific ? new VersionPolicy { Specific = specific.Versions ?? [] }
            : Latest is { } latest ? new VersionPolicy { Latest = latest.NumVersions } : VersionPolicy.All;
    }

    internal sealed record LatestVersions(int NumVersions = 1);

    internal sealed record AllVersions;

    internal sealed record SpecificVersions(long[]? Versions = null);
}
