using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>What a client is told of a request that was not completed, whatever protocol it came by.</summary>
internal static class Refusal
{
    public static RequestException Of(ModelEntry entry, InferenceRequest request, in InferenceOutcome outcome)
    {
        var name = request.Class == WorkClass.RealTime ? "real-time" : "best-effort";
        return outcome.Status switch
        {
            InferenceStatus.QueueFull when outcome.Reason is { } full => new(503,
                $"Exceeds maximum queue size: model '{entry.Name}': {full}"),
            InferenceStatus.QueueFull => new(503,
                $"Exceeds maximum queue size: {entry.Configuration.QueueCapacity} {name} requests wait for model " +
                $"'{entry.Name}' (setting queue_capacity of the model's config.json)"),
            InferenceStatus.Late => new(503,
                $"Request timeout expired: model '{entry.Name}' dropped the request at its deadline{Because(outcome)}"),
            InferenceStatus.NotAdmitted => new(503,
                $"Request timeout expired: model '{entry.Name}' could not meet the deadline, so the request was not " +
                $"started{Because(outcome)}"),
            InferenceStatus.Rejected => RequestException.BadRequest($"model '{entry.Name}': {outcome.Reason}"),
            InferenceStatus.Cancelled => new(503,
                $"request to model '{entry.Name}' was cancelled: " +
                (outcome.Reason ?? "the server is shutting down or the client left")),
            _ => new(500, $"model '{entry.Name}' failed: {outcome.Reason}"),
        };
    }

    private static string Because(in InferenceOutcome outcome) => outcome.Reason is { } reason ? $": {reason}" : "";
}
