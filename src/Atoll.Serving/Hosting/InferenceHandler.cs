using System.Globalization;
using Atoll.Wire;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>POST …/infer: reads, checks, runs and answers one request.</summary>
internal sealed class InferenceHandler(TimeProvider clock, SharedMemoryEndpoints sharedMemory)
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
            metadata, body.Memory, JsonBytes(context.Request, body.Length), out var parameters,
            sharedMemory.For(context));
        RequestScheduling.Classify(request, parameters, entry, token);
        HeaderParameters.Apply(
            request,
            name => context.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null,
            entry.Configuration);

        using var deadline = RequestScheduling.SetDeadline(request, parameters.Timeout, arrived, clock);
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

    private static async Task AnswerAsync(
        HttpContext context, ModelEntry entry, InferenceRequest request, InferenceOutcome outcome)
    {
        if (outcome.Status != InferenceStatus.Completed)
        {
            if (outcome.Status == InferenceStatus.QueueFull)
            {
                context.Response.Headers.RetryAfter = "1";
            }

            throw Refusal.Of(entry, request, outcome);
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
}
