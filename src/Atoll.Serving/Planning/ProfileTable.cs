namespace Atoll.Serving;

/// <summary>Profiles by model and kind of device.</summary>
public sealed class ProfileTable
{
    /// <summary>The device of a profile that holds for every kind.</summary>
    public const string AnyKind = "*";

    private readonly Dictionary<(string Model, string Kind), BatchProfile> _profiles = [];

    /// <exception cref="ServingException">Two profiles for the same model and kind.</exception>
    public ProfileTable(IReadOnlyList<BatchProfile> profiles)
    {
        ArgumentNullException.ThrowIfNull(profiles);
        foreach (var profile in profiles)
        {
            if (!_profiles.TryAdd((profile.Model, profile.Device), profile))
            {
                throw new ServingException(
                    ServingError.InvalidPlan,
                    $"model '{profile.Model}' has two profiles for device '{profile.Device}'");
            }
        }
    }

    /// <summary>The profile of the model on the kind, or the one for any kind, or null.</summary>
    public BatchProfile? Find(string model, string kind) =>
        _profiles.GetValueOrDefault((model, kind)) ?? _profiles.GetValueOrDefault((model, AnyKind));
}
