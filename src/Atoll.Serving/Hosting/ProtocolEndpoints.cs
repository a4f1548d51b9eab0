using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>The Open Inference Protocol's REST paths below /v2, given as percent-decoded segments.</summary>
internal sealed class ProtocolEndpoints(
    ServingOptions options, ModelRepository repository, RepositoryEndpoints models, SharedMemoryEndpoints sharedMemory,
    Readiness readiness, TimeProvider clock)
{
    private readonly InferenceHandler _inference = new(clock, sharedMemory);
    private readonly GenerateHandler _generate = new(clock);

    /// <summary>The extensions that work, by their names in the protocol.</summary>
    public static readonly string[] Extensions =
    [
        "classification", "sequence", "sequence(string_id)", "model_repository",
        "model_repository(unload_dependents)", "schedule_policy", "model_configuration", "system_shared_memory",
        "binary_tensor_data", "parameters", "statistics", "generate",
    ];

    public Task HandleAsync(HttpContext context, string[] path, AccessToken? token, CancellationToken stopping) =>
        path switch
        {
            ["v2", "health", "live"] => Answer.JsonAsync(context, 200, json => json.WriteBoolean("live"u8, true)),
            ["v2", "health", "ready"] => Answer.JsonAsync(
                context, readiness.IsReady ? 200 : 503, json => json.WriteBoolean("ready"u8, readiness.IsReady)),
            _ when token is null => Unauthorized(context),
            ["v2"] => ServerAsync(context),
            ["v2", "models"] => ListAsync(context),
            ["v2", "models", "stats"] => StatisticsAsync(context, repository.Entries),
            ["v2", "systemsharedmemory", .. var rest] => sharedMemory.HandleAsync(context, rest),
            ["v2", "cudasharedmemory", .. var rest] => SharedMemoryEndpoints.HandleCudaAsync(context, rest),
            ["v2", "repository", .. var rest] => models.HandleAsync(context, rest),
            ["v2", "models", var name, .. var rest] => ModelAsync(context, name, rest, token, stopping),
            _ => throw new RequestException(404, $"there is nothing at '{context.Request.Path}'"),
        };

    public static Task Unauthorized(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Answer.ErrorAsync(context, 401,
            "a known token is needed: Authorization: Bearer TOKEN (setting serving.tokens)");
    }

    public static void RequireMethod(HttpContext context, string method)
    {
        if (context.Request.Method != method && !(method == "GET" && HttpMethods.IsHead(context.Request.Method)))
        {
            context.Response.Headers.Allow = method;
            throw new RequestException(405, $"'{context.Request.Path}' takes {method}, not {context.Request.Method}");
        }
    }

    private Task ServerAsync(HttpContext context)
    {
        RequireMethod(context, "GET");
        return Answer.JsonAsync(context, 200, json =>
        {
            json.WriteString("name"u8, options.Name);
            json.WriteString("version"u8, options.Version);
            json.WriteStartArray("extensions"u8);
            foreach (var extension in Extensions)
            {
                json.WriteStringValue(extension);
            }

            json.WriteEndArray();
        });
    }

    private Task ListAsync(HttpContext context)
    {
        RequireMethod(context, "GET");
        return Answer.JsonAsync(context, 200, json =>
        {
            json.WriteStartArray("models"u8);
            foreach (var entry in repository.Entries)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, entry.Name);
                json.WriteString("version"u8, entry.Version);
                json.WriteBoolean("ready"u8, entry.State == ModelState.Ready);
                json.WriteString("reason"u8, entry.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private Task ModelAsync(
        HttpContext context, string name, string[] rest, AccessToken token, CancellationToken stopping)
    {
        var version = rest is ["versions", var given, ..] ? given : null;
        var action = version is null ? rest : rest[2..];
        RequireMethod(context, action is ["infer" or "generate" or "generate_stream"] ? "POST" : "GET");
        switch (action)
        {
            case ["ready"]:
                return ReadyAsync(context, ModelLookup.Find(repository, name, version));
            case ["stats"]:
                return StatisticsAsync(context, version is null
                    ? repository.EntriesOf(ModelLookup.Find(repository, name, null).Name)
                    : [ModelLookup.Find(repository, name, version)]);
            case [] or ["config" or "infer" or "generate" or "generate_stream"]:
                return UseAsync(context, repository.Use(name, version), action, (token, stopping));
            default:
                throw new RequestException(404, $"there is nothing at '{context.Request.Path}'");
        }
    }

    private async Task UseAsync(
        HttpContext context, ModelUse use, string[] action, (AccessToken Token, CancellationToken Stopping) caller)
    {
        using (use)
        {
            await (action switch
            {
                [] => MetadataAsync(context, use.Entry.Model!.Metadata, repository.VersionsOf(use.Entry.Name)),
                ["config"] => Answer.JsonAsync(
                    context, 200, json => ModelConfigurationText.Write(json, use.Entry)),
                ["infer"] => _inference.HandleAsync(context, use.Entry, caller.Token, caller.Stopping),
                _ => _generate.HandleAsync(context, use.Entry, caller, action is ["generate_stream"]),
            });
        }
    }

    private static Task StatisticsAsync(HttpContext context, IEnumerable<ModelEntry> entries)
    {
        RequireMethod(context, "GET");
        return Answer.JsonAsync(context, 200, json => StatisticsJson.Write(
            json, entries.Where(entry => entry.State == ModelState.Ready)));
    }

    private static Task ReadyAsync(HttpContext context, ModelEntry entry)
    {
        var ready = entry.State == ModelState.Ready;
        return Answer.JsonAsync(context, ready ? 200 : 503, json =>
        {
            json.WriteString("name"u8, entry.Name);
            json.WriteBoolean("ready"u8, ready);
            if (!ready)
            {
                json.WriteString("error"u8, entry.Reason);
            }
        });
    }

    private static Task MetadataAsync(HttpContext context, ModelMetadata model, IEnumerable<string> versions) =>
        Answer.JsonAsync(context, 200, json =>
        {
            json.WriteString("name"u8, model.Name);
            json.WriteStartArray("versions"u8);
            foreach (var version in versions)
            {
                json.WriteStringValue(version);
            }

            json.WriteEndArray();
            json.WriteString("platform"u8, model.Platform);
            WriteTensors(json, "inputs"u8, model.Inputs);
            WriteTensors(json, "outputs"u8, model.Outputs);
        });

    private static void WriteTensors(Utf8JsonWriter json, ReadOnlySpan<byte> name, TensorMetadata[] tensors)
    {
        json.WriteStartArray(name);
        foreach (var tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("datatype"u8, DataTypes.NameOf(tensor.Type));
            json.WriteStartArray("shape"u8);
            foreach (var dim in tensor.Shape)
            {
                json.WriteNumberValue(dim);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
