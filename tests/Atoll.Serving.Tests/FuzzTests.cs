using System.Net;
using System.Text;
using System.Text.Json;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>Whatever the bytes, the answer is a result or a clean refusal in JSON, and the server lives.</summary>
public sealed class FuzzTests
{
    private static readonly string[] Floats =
    [
        """
        {"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4.5e1]]}],
        "outputs":[{"name":"y"}]}
        """,
        """
        {"parameters":{"priority":2,"timeout":1000000},
        "inputs":[{"data":[1,2],"name":"x","shape":[1,2],"datatype":"FP32"}]}
        """,
        """
        {"parameters":{"binary_data_output":true},
        "inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}AAAABBBB
        """,
    ];

    private static readonly string[] Strings =
    [
        """{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a","\u00e9"]}]}""",
        """
        {"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}],
        "outputs":[{"name":"y","parameters":{"binary_data":true}}]}
        """ + "\u0002\0\0\0ab\0\0\0\0",
        """
        {"parameters":{"sequence_id":"q","sequence_start":true,"mine":1.5},"inputs":[{"name":"x","shape":[1],
        "datatype":"BYTES","parameters":{"shared_memory_region":"r","shared_memory_byte_size":4}}]}
        """,
    ];

    private static readonly (string Path, string[] Bodies)[] Seeds =
    [
        ("models/m/infer", Floats),
        ("models/s/infer", Strings),
        ("models/m/generate", ["""{"x":[[1,2],[3,4]],"parameters":{"priority":2}}"""]),
        ("models/s/generate_stream", ["""{"id":"a","x":["a","b"],"other":true}"""]),
        ("systemsharedmemory/region/r/register", ["""{"key":"/no-such","offset":0,"byte_size":64}"""]),
        ("repository/index", ["""{"ready":true}"""]),
    ];

    private static readonly string[] Splices =
        ["\"", "{", "}", "[", "]", ",", ":", "null", "-1", "1e400", "1152921504606846976",
            "9223372036854775808", "\\ud800", "NaN", "true",
            "\u0000", "é"];

    [Fact]
    public async Task Mutated_bodies_and_headers_get_clean_answers()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, -1, 2)),
            new FakeModel(FakeModel.Describe("s", ElementType.String, -1)));
        for (var i = 0; i < 4000; i++)
        {
            using var request = Mutated(random);
            using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            await CheckAsync(response, $"seed {seed}, case {i}");
        }

        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/v2/health/ready")).Status);
    }

    private static HttpRequestMessage Mutated(Random random)
    {
        var (path, bodies) = Seeds[random.Next(Seeds.Length)];
        var body = Encoding.UTF8.GetBytes(bodies[random.Next(bodies.Length)]).ToList();
        for (var changes = random.Next(4); changes > 0; changes--)
        {
            Mutate(body, random);
        }

        var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/{path}")
        {
            Content = new ByteArrayContent([.. body]),
        };
        if (random.Next(3) == 0)
        {
            var length = random.Next(5) switch
            {
                0 => "0",
                1 => $"{body.Count - 8}",
                2 => $"{body.Count - 10}",
                3 => $"{random.NextInt64(-10, 1L << 40)}",
                _ => "x",
            };
            request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", length);
        }

        if (random.Next(10) == 0)
        {
            var encoding = random.Next(2) == 0 ? "gzip" : "deflate";
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        }

        return request;
    }

    private static void Mutate(List<byte> body, Random random)
    {
        var at = random.Next(body.Count + 1);
        switch (random.Next(4))
        {
            case 0:
                body.InsertRange(at, Encoding.UTF8.GetBytes(Splices[random.Next(Splices.Length)]));
                break;
            case 1 when at < body.Count:
                body[at] = (byte)random.Next(256);
                break;
            case 2 when at < body.Count:
                body.RemoveRange(at, random.Next(body.Count - at));
                break;
            default:
                body.InsertRange(at, body[..random.Next(body.Count + 1)]);
                break;
        }
    }

    private static async Task CheckAsync(HttpResponseMessage response, string where)
    {
        var status = (int)response.StatusCode;
        var text = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        // A mutated timeout may pass before the answer; that is the one refusal that is not the client's fault.
        var late = status == 503 && Encoding.UTF8.GetString(text).Contains("Request timeout expired");
        Assert.True(
            late || status is 200 or (>= 400 and < 500), $"{where}: {status} {Encoding.UTF8.GetString(text)}");
        if (status != 200)
        {
            using var json = JsonDocument.Parse(text);
            Assert.True(json.RootElement.GetProperty("error").GetString()!.Length > 10, where);
        }
    }
}
