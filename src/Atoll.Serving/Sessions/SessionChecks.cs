namespace Atoll.Serving;

/// <summary>What a model must be to be served in sessions; each fault names the setting.</summary>
internal static class SessionChecks
{
    /// <exception cref="ServingException">The model cannot be served as configured.</exception>
    public static void Require(
        ModelSource source, ModelConfiguration configuration, WholeModel model, IReadOnlyList<ServingDevice> devices)
    {
        var why = BatchSizes.WhyNot(model.Inputs, model.Outputs);
        if (why is not null && configuration.MaxBatchSize > 1)
        {
            throw new ServingException(ServingError.ModelNotServable,
                $"model '{source.Name}' cannot be batched: {why} (setting max_batch_size of config.json is " +
                $"{configuration.MaxBatchSize})");
        }

        if (why is not null && !model.IsStatic)
        {
            throw new ServingException(ServingError.ModelNotServable,
                $"model '{source.Name}' has shapes that requests choose, so that it has no profile: {why} " +
                "(settings objective_ms, expected_rate of config.json)");
        }

        if (configuration.Devices.FirstOrDefault(name => devices.All(device => device.Name != name)) is { } unknown)
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"model '{source.Name}' asks for device '{unknown}'; there are " +
                $"{string.Join(", ", devices.Select(device => device.Name))} (setting devices of config.json)");
        }
    }
}
