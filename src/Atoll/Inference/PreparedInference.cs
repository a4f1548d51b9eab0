using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Atoll;

/// <summary>
/// One request of the Open Inference Protocol with binary tensors: made once, sent any number of times.
/// </summary>
internal sealed class PreparedInference
{
    /// <summary>Header that says how many bytes of a body are JSON; the rest is tensors.</summary>
    public const string JsonLength = "Inference-Header-Content-Length";

    private static readonly MediaTypeHeaderValue Binary = new("application/octet-stream");

    private readonly byte[] _body;
    private readonly string _jsonLength;

    public PreparedInference(string model, IReadOnlyList<TensorValue> inputs, InferenceParameters parameters)
    {
        Path = $"{PathOf(model)}/infer";
        var json = Encoding.UTF8.GetBytes(Describe(inputs, parameters).ToJsonString());
        _jsonLength = json.Length.ToString(CultureInfo.InvariantCulture);
        _body = new byte[json.Length + inputs.Sum(input => input.Data.Length)];
        json.CopyTo(_body, 0);
        var place = json.Length;
        foreach (var input in inputs)
        {
            input.Data.CopyTo(_body, place);
            place += input.Data.Length;
        }
    }

    /// <summary>Path of the request on the server.</summary>
    public string Path { get; }

    /// <summary>The body for one sending.</summary>
    public ByteArrayContent Content()
    {
        var content = new ByteArrayContent(_body);
        content.Headers.ContentType = Binary;
        content.Headers.Add(JsonLength, _jsonLength);
        return content;
    }

    /// <summary>Path of a model on the server.</summary>
    public static string PathOf(string model) => $"v2/models/{Uri.EscapeDataString(model)}";

    private static JsonObject Describe(IReadOnlyList<TensorValue> inputs, InferenceParameters parameters)
    {
        var asked = new JsonObject { ["binary_data_output"] = true };
        if (parameters.Priority is { } priority)
        {
            asked["priority"] = priority;
        }

        if (parameters.TimeoutUs is { } timeout)
        {
            asked["timeout"] = timeout;
        }

        return new JsonObject
        {
            ["parameters"] = asked,
            ["inputs"] = new JsonArray([.. inputs.Select(input => (JsonNode)new JsonObject
            {
                ["name"] = input.Name,
                ["datatype"] = ProtocolTypes.NameOf(input.Type),
                ["shape"] = new JsonArray([.. input.Shape.Select(dim => (JsonNode)dim)]),
                ["parameters"] = new JsonObject { ["binary_data_size"] = input.Data.Length },
            })]),
        };
    }
}

/// <summary>A server's answer as it came: JSON, then the binary tensors.</summary>
internal sealed record RawAnswer(byte[] Body, int JsonBytes)
{
    public ReadOnlySpan<byte> Json => Body.AsSpan(0, JsonBytes);

    public ReadOnlySpan<byte> Tensors => Body.AsSpan(JsonBytes);
}
