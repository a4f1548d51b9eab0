using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>What a request asks of the server beside its inputs.</summary>
internal sealed record InferenceParameters(int? Priority, long? TimeoutUs);

/// <summary>A client of the Open Inference Protocol over REST, with binary tensors both ways.</summary>
internal sealed class InferenceClient(HttpClient http)
{
    /// <summary>Name, type and shape of a model's inputs.</summary>
    /// <exception cref="UsageException">The server refuses: no such model.</exception>
    public async Task<IReadOnlyList<TensorMetadata>> InputsAsync(string model, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(PreparedInference.PathOf(model), cancellationToken);
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        ThrowIfRefused(response, bytes);
        return [.. JsonNode.Parse(bytes)!["inputs"]!.AsArray().Select(input => new TensorMetadata(
            (string)input!["name"]!,
            ProtocolTypes.Parse((string)input["datatype"]!),
            [.. input["shape"]!.AsArray().Select(dim => (long)dim!)]))];
    }

    /// <summary>Runs one request and returns the outputs.</summary>
    /// <exception cref="UsageException">The server refuses the request as wrong.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached or fails.</exception>
    public async Task<IReadOnlyList<TensorValue>> InferAsync(
        string model, IReadOnlyList<TensorValue> inputs, InferenceParameters parameters,
        CancellationToken cancellationToken)
    {
        var answer = await SendAsync(new PreparedInference(model, inputs, parameters), cancellationToken);
        return Outputs(JsonNode.Parse(answer.Json)!["outputs"]!.AsArray(), answer.Tensors);
    }

    /// <summary>Sends a prepared request and returns the answer undecoded.</summary>
    /// <exception cref="UsageException">The server refuses the request as wrong.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached or fails.</exception>
    public async Task<RawAnswer> SendAsync(PreparedInference request, CancellationToken cancellationToken)
    {
        using var content = request.Content();
        using var response = await http.PostAsync(request.Path, content, cancellationToken);
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        ThrowIfRefused(response, bytes);
        var json = response.Headers.Concat(response.Content.Headers)
            .Where(header => header.Key.Equals(PreparedInference.JsonLength, StringComparison.OrdinalIgnoreCase))
            .Select(header => int.Parse(header.Value.First(), CultureInfo.InvariantCulture))
            .FirstOrDefault(bytes.Length);
        return new RawAnswer(bytes, json);
    }

    private static List<TensorValue> Outputs(JsonArray outputs, ReadOnlySpan<byte> binary)
    {
        var values = new List<TensorValue>();
        foreach (var output in outputs)
        {
            var type = ProtocolTypes.Parse((string)output!["datatype"]!);
            var size = (int?)output["parameters"]?["binary_data_size"];
            var data = size is { } bytes ? binary[..bytes].ToArray() : FromJson(type, output["data"]!);
            binary = binary[(size ?? 0)..];
            values.Add(new TensorValue(
                (string)output["name"]!, type, [.. output["shape"]!.AsArray().Select(dim => (long)dim!)], data));
        }

        return values;
    }

    private static byte[] FromJson(ElementType type, JsonNode data) => ElementCodec.Encode(
        type, [.. data.AsArray().Select(value => JsonSerializer.SerializeToElement(value))]);

    private static void ThrowIfRefused(HttpResponseMessage response, byte[] body)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var message = $"the server answered {(int)response.StatusCode}: {Reason(body)}";
        throw (int)response.StatusCode < 500
            ? new UsageException(message)
            : new HttpRequestException(message, null, response.StatusCode);
    }

    private static string Reason(byte[] body)
    {
        try
        {
            return (string?)JsonNode.Parse(body)?["error"] ?? "no reason given";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return Encoding.UTF8.GetString(body);
        }
    }
}
