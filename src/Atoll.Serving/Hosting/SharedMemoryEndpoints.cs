using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>
/// The system shared memory extension; of the one for CUDA, what holds where there is no such device.
/// </summary>
internal sealed class SharedMemoryEndpoints(ServingOptions options, SharedMemoryRegions regions)
{
    /// <summary>
    /// Regions that this client's requests may use; null where it may not: from afar without a token.
    /// </summary>
    public SharedMemoryRegions? For(HttpContext context) => For(context.Connection.RemoteIpAddress);

    /// <summary>The same for a client at an address; null = a Unix socket.</summary>
    public SharedMemoryRegions? For(IPAddress? address) =>
        options.Tokens.Count > 0 || address is null || IPAddress.IsLoopback(address) ? regions : null;

    /// <exception cref="RequestException">The client may not use shared memory.</exception>
    public SharedMemoryRegions Require(IPAddress? address) => For(address)
        ?? throw new RequestException(403, "shared memory is for clients on this machine or with a token");

    public Task HandleAsync(HttpContext context, string[] path)
    {
        _ = Require(context.Connection.RemoteIpAddress);
        ProtocolEndpoints.RequireMethod(context, path is [.., "status"] ? "GET" : "POST");
        return path switch
        {
            ["status"] => StatusAsync(context, null),
            ["region", var name, "status"] => StatusAsync(context, name),
            ["region", var name, "register"] => RegisterAsync(context, name),
            ["unregister"] => UnregisterAsync(context, null),
            ["region", var name, "unregister"] => UnregisterAsync(context, name),
            _ => throw new RequestException(404, $"there is nothing at '{context.Request.Path}'"),
        };
    }

    /// <summary>There are no CUDA regions: none to list, none to forget, and none can be made.</summary>
    public static Task HandleCudaAsync(HttpContext context, string[] path) => path switch
    {
        ["status"] => Answer.JsonArrayAsync(context, 200, _ => { }),
        ["unregister"] or ["region", _, "unregister"] =>
            Answer.SendAsync(context, 200, "application/json", default),
        _ => throw new RequestException(501, "CUDA shared memory is not supported: this server has no CUDA device"),
    };

    private Task StatusAsync(HttpContext context, string? name)
    {
        var status = regions.Status(name);
        return Answer.JsonArrayAsync(context, 200, json =>
        {
            foreach (var region in status)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, region.Name);
                json.WriteString("key"u8, region.Key);
                json.WriteNumber("offset"u8, region.Offset);
                json.WriteNumber("byte_size"u8, region.ByteSize);
                json.WriteEndObject();
            }
        });
    }

    private async Task RegisterAsync(HttpContext context, string name)
    {
        using var body = await RequestBody.ReadAsync(
            context.Request, options.ModelDefaults.MaxBodyBytes, context.RequestAborted);
        regions.Register(Read(name, body.Memory));
        await Answer.SendAsync(context, 200, "application/json", default);
    }

    private Task UnregisterAsync(HttpContext context, string? name)
    {
        regions.Unregister(name);
        return Answer.SendAsync(context, 200, "application/json", default);
    }

    private static SharedMemoryStatus Read(string name, ReadOnlyMemory<byte> body)
    {
        var (key, offset, bytes) = ("", 0L, 0L);
        var json = new Utf8JsonReader(body.Span);
        try
        {
            JsonValues.Expect(ref json, JsonTokenType.StartObject, "request body must be a JSON object");
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (json.ValueTextEquals("key"u8))
                {
                    key = JsonValues.Text(ref json, "'key'");
                }
                else if (json.ValueTextEquals("offset"u8))
                {
                    offset = JsonValues.Whole(ref json, "'offset'", long.MaxValue);
                }
                else if (json.ValueTextEquals("byte_size"u8))
                {
                    bytes = JsonValues.Whole(ref json, "'byte_size'", long.MaxValue);
                }
                else
                {
                    json.Read();
                    json.Skip();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw RequestException.BadRequest($"request body is not valid JSON: {e.Message}");
        }

        return new SharedMemoryStatus(name, key, offset, bytes);
    }
}
