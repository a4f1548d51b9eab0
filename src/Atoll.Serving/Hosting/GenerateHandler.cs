using System.Buffers;
using System.Text.Json;
using Atoll.Wire;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>
/// POST …/generate and …/generate_stream: JSON members for tensors, one answer, or answers as server-sent events.
/// </summary>
internal sealed class GenerateHandler(TimeProvider clock)
{
    public async Task HandleAsync(
        HttpContext context, ModelEntry entry, (AccessToken Token, CancellationToken Stopping) caller, bool isStream)
    {
        var arrived = clock.GetTimestamp();
        using var body = await RequestBody.ReadAsync(
            context.Request, entry.Configuration.MaxBodyBytes, context.RequestAborted);
        using var request = GenerateRequest.Parse(entry.Model!.Metadata, body.Memory, out var parameters);
        RequestScheduling.Classify(request, parameters, entry, caller.Token);
        HeaderParameters.Apply(
            request,
            name => context.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null,
            entry.Configuration);
        using var deadline = RequestScheduling.SetDeadline(request, parameters.Timeout, arrived, clock);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, caller.Stopping, deadline?.Token ?? CancellationToken.None);
        var answers = entry.StreamAsync(request, cancellation.Token);
        await (isStream ? StreamAsync(context, entry, request, answers) : OneAsync(context, entry, request, answers));
    }

    private static async Task OneAsync(
        HttpContext context, ModelEntry entry, InferenceRequest request, IAsyncEnumerable<InferenceOutcome> answers)
    {
        using var text = new PooledBytes(1024);
        var count = 0;
        await foreach (var outcome in answers)
        {
            using (outcome.Outputs)
            {
                if (++count > 1)
                {
                    throw RequestException.BadRequest(
                        "generate expects model to produce exactly 1 response, use generate stream for model that " +
                        "generates various number of responses");
                }

                Write(text, entry, request, outcome);
            }
        }

        await Answer.SendAsync(context, 200, "application/json", text.Memory);
    }

    private static async Task StreamAsync(
        HttpContext context, ModelEntry entry, InferenceRequest request, IAsyncEnumerable<InferenceOutcome> answers)
    {
        var response = context.Response;
        await foreach (var outcome in answers)
        {
            using var text = new PooledBytes(1024);
            using (outcome.Outputs)
            {
                text.Write("data: "u8);
                try
                {
                    Write(text, entry, request, outcome);
                }
                catch (RequestException e) when (response.HasStarted)
                {
                    // The status is sent already: the error is an event, and the last.
                    text.Truncate(0);
                    WriteError(text, e.Message);
                }

                text.Write("\n\n"u8);
            }

            if (!response.HasStarted)
            {
                response.ContentType = "text/event-stream; charset=utf-8";
                response.Headers.CacheControl = "no-store";
            }

            await response.BodyWriter.WriteAsync(text.Memory, context.RequestAborted);
        }
    }

    private static void WriteError(PooledBytes text, string message)
    {
        text.Write("data: "u8);
        using var json = new Utf8JsonWriter(text);
        json.WriteStartObject();
        json.WriteString("error"u8, message);
        json.WriteEndObject();
    }

    private static void Write(
        PooledBytes text, ModelEntry entry, InferenceRequest request, in InferenceOutcome outcome)
    {
        if (outcome.Outputs is not { } outputs)
        {
            throw Refusal.Of(entry, request, outcome);
        }

        var model = entry.Model!.Metadata;
        using var json = new Utf8JsonWriter(text);
        json.WriteStartObject();
        if (request.Id is { } id)
        {
            json.WriteString("id"u8, id);
        }

        json.WriteString("model_name"u8, entry.Name);
        json.WriteString("model_version"u8, entry.Version);
        foreach (var output in request.Outputs)
        {
            var metadata = model.Outputs[output.Index];
            json.WritePropertyName(metadata.Name);
            if (!JsonTensor.TryWriteValue(json, metadata.Type, outputs.Shape(output.Index), outputs.Data(output.Index)))
            {
                throw RequestException.BadRequest(
                    $"output '{metadata.Name}' has values without a JSON form; ask for it by infer, as binary");
            }
        }

        json.WriteEndObject();
    }
}
