using System.Text.Json;
using Atoll.Wire;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>The model repository extension below /v2/repository.</summary>
internal sealed class RepositoryEndpoints(
    ServingOptions options, ModelRepository repository, ModelCatalog catalog, RepositoryChanges changes)
{
    public Task HandleAsync(HttpContext context, string[] path)
    {
        ProtocolEndpoints.RequireMethod(context, "POST");
        return path switch
        {
            ["index"] => IndexAsync(context),
            ["models", var name, "load"] => LoadAsync(context, name),
            ["models", var name, "unload"] => UnloadAsync(context, name),
            _ => throw new RequestException(404, $"there is nothing at '{context.Request.Path}'"),
        };
    }

    private async Task IndexAsync(HttpContext context)
    {
        using var body = await ReadAsync(context);
        var readyOnly = RepositoryRequest.ReadIndex(body.Memory);
        var rows = RepositoryIndex.Rows(repository, catalog, readyOnly);
        await Answer.JsonArrayAsync(context, 200, json =>
        {
            foreach (var row in rows)
            {
                WriteRow(json, row);
            }
        });
    }

    private async Task LoadAsync(HttpContext context, string name)
    {
        changes.RequireAllowed();
        using var body = await ReadAsync(context);
        await changes.LoadAsync(name, RepositoryRequest.ReadLoad(body.Memory), context.RequestAborted);
        await Answer.SendAsync(context, 200, "application/json", default);
    }

    private async Task UnloadAsync(HttpContext context, string name)
    {
        changes.RequireAllowed();
        using var body = await ReadAsync(context);
        await changes.UnloadAsync(name, RepositoryRequest.ReadUnload(body.Memory), context.RequestAborted);
        await Answer.SendAsync(context, 200, "application/json", default);
    }

    private ValueTask<PooledBytes> ReadAsync(HttpContext context) => RequestBody.ReadAsync(
        context.Request, options.ModelDefaults.MaxBodyBytes, context.RequestAborted);

    private static void WriteRow(Utf8JsonWriter json, RepositoryIndex.Row row)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, row.Name);
        if (row.Version.Length > 0)
        {
            json.WriteString("version"u8, row.Version);
            json.WriteString("state"u8, row.State);
            json.WriteString("reason"u8, row.Reason);
        }

        json.WriteEndObject();
    }
}
