using System.Globalization;
using Atoll.Devices;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>POST …/infer: reads, checks, runs and answers one request.</summary>
internal sealed class InferenceHandler(TimeProvider clock)
{
    private const string JsonLengthHeader = "Inference-Header-Content-Length";

    public async Task HandleAsync(
        HttpContext context, ModelEntry entry, AccessToken token, CancellationToken stopping)
    {
        var arrived = clock.GetTimestamp();
        entry.Model!.Expect();
        using var body = await RequestBody.ReadAsync(
            context.Request, entry.Configuration.MaxBodyBytes, context.RequestAborted);
        var metadata = entry.Model!.Metadata;
        using var request = InferenceRequestParser.Parse(
            metadata, body.Memory, JsonBytes(context.Request, body.Length), out var parameters);
        Classify(request, parameters, entry, token);

        using var deadline = Deadline(request, parameters.TimeoutUs, arrived);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, stopping, deadline?.Token ?? CancellationToken.None);
        var outcome = await entry.InferAsync(request, cancellation.Token);
        await AnswerAsync(context, entry, request, outcome);
    }

    private static int JsonBytes(HttpRequest request, int bodyBytes)
    {
        if (!request.Headers.TryGetValue(JsonLengthHeader, out var values))
        {
            return bodyBytes > 0 ? bodyBytes : throw RequestException.BadRequest("request body is empty");
        }

        return int.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var length) &&
            length <= bodyBytes
            ? length
            : throw RequestException.BadRequest(
                $"header {JsonLengthHeader} is '{values}'; it must be a whole number from 0 to the body's " +
                $"{bodyBytes} bytes");
    }

    private static void Classify(
        InferenceRequest request, RequestParameters parameters, ModelEntry entry, AccessToken token)
    {
        var configuration = entry.Configuration;
        var realTime = parameters.Priority == 1 ||
            (parameters.Priority == 0 && configuration.Class == WorkClass.RealTime);
        if (realTime && !token.AllowRealTime)
        {
            throw new RequestException(403,
                $"token '{token.Name}' may not ask for real-time work; ask with parameter 'priority' 2 to " +
                $"{ModelConfiguration.MaxPriority} (setting serving.tokens)");
        }

        request.Class = realTime ? WorkClass.RealTime : WorkClass.BestEffort;
        request.Priority = realTime ? 1 : parameters.Priority == 0 ? configuration.Priority : parameters.Priority;
    }

    private CancellationTokenSource? Deadline(InferenceRequest request, long timeoutUs, long arrived)
    {
        if (timeoutUs == 0)
        {
            return null;
        }

        var timeout = TimeSpan.FromMicroseconds(timeoutUs);
        request.Deadline = arrived + long.Max(1, (long)(timeout.TotalSeconds * clock.TimestampFrequency));

        // The timer only ends a wait or a run that is late; it rounds up so that it never fires early.
        return new CancellationTokenSource(timeout + TimeSpan.FromMilliseconds(1), clock);
    }

    private static async Task AnswerAsync(
        HttpContext context, ModelEntry entry, InferenceRequest request, InferenceOutcome outcome)
    {
        if (outcome.Status != InferenceStatus.Completed)
        {
            await RefuseAsync(context, entry, request, outcome);
            return;
        }

        using var body = new PooledBytes(4096);
        int? jsonBytes;
        using (outcome.Outputs)
        {
            jsonBytes = InferenceResponse.Render(body, entry.Model!.Metadata, request, outcome.Outputs!);
        }

        if (jsonBytes is { } length)
        {
            context.Response.Headers[JsonLengthHeader] = length.ToString(CultureInfo.InvariantCulture);
        }

        await Answer.SendAsync(
            context, 200, jsonBytes is null ? "application/json" : "application/octet-stream", body.Memory);
    }

    private static Task RefuseAsync(
        HttpContext context, ModelEntry entry, InferenceRequest request, InferenceOutcome outcome)
    {
        if (outcome.Status == InferenceStatus.QueueFull)
        {
            context.Response.Headers.RetryAfter = "1";
        }

        var name = request.Class == WorkClass.RealTime ? "real-time" : "best-effort";
        return outcome.Status switch
        {
            InferenceStatus.QueueFull => Answer.ErrorAsync(context, 503,
                $"Exceeds maximum queue size: {entry.Configuration.QueueCapacity} {name} requests wait for model " +
                $"'{entry.Name}' (setting queue_capacity of the model's config.json)"),
            InferenceStatus.Late => Answer.ErrorAsync(context, 503,
                $"Request timeout expired: model '{entry.Name}' dropped the request at its deadline"),
            InferenceStatus.NotAdmitted => Answer.ErrorAsync(context, 503,
                $"Request timeout expired: model '{entry.Name}' could not meet the deadline, so the request was not " +
                "started"),
            InferenceStatus.Rejected => Answer.ErrorAsync(context, 400, $"model '{entry.Name}': {outcome.Reason}"),
            InferenceStatus.Cancelled => Answer.ErrorAsync(context, 503,
                $"request to model '{entry.Name}' was cancelled: the server is shutting down or the client left"),
            _ => Answer.ErrorAsync(context, 500, $"model '{entry.Name}' failed: {outcome.Reason}"),
        };
    }
}
