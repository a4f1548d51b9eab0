namespace Atoll.Serving;

/// <summary>Loads and unloads models because a client asks, where the control mode allows that.</summary>
internal sealed class RepositoryChanges(
    ServingOptions options, ModelRepository repository, RepositoryControl control)
{
    /// <exception cref="RequestException">Models are not loaded by request: 503, as other servers answer.</exception>
    public void RequireAllowed()
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

    /// <summary>Returns when the model's versions are ready.</summary>
    /// <exception cref="RequestException">They are not: says why.</exception>
    public async Task LoadAsync(string name, ModelOverride replacement, CancellationToken cancellation)
    {
        RequireAllowed();
        string? reason;
        try
        {
            reason = await control.LoadAsync(name, replacement, cancellation);
        }
        catch (ServingException e)
        {
            reason = e.Message;
        }

        if (reason is not null)
        {
            throw RequestException.BadRequest($"failed to load '{name}', {reason}");
        }
    }

    /// <summary>Returns when the last request of the model has ended and its memory is free.</summary>
    /// <exception cref="RequestException">There is no such model.</exception>
    public async Task UnloadAsync(string name, bool withDependents, CancellationToken cancellation)
    {
        RequireAllowed();
        if (repository.Find(name, null) is null)
        {
            throw new RequestException(404, $"failed to unload '{name}', it is not in the model repository");
        }

        await control.UnloadAsync(name, withDependents, cancellation);
    }
}
