using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class SharedMemoryTests : IDisposable
{
    private readonly string _key = $"/atoll-test-{Guid.NewGuid()}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string File => SharedMemoryRegions.Folder + _key;

    public void Dispose() => System.IO.File.Delete(File);

    [Fact]
    public async Task Tensors_are_read_from_and_written_to_a_region()
    {
        await using var server = await StartAsync(64);
        await System.IO.File.WriteAllBytesAsync(File,
            [.. MemoryMarshal.AsBytes<float>([1.5f, -2f]), .. new byte[56]], Token);
        await RegisterAsync(server, "r", 0, 64);

        var (status, json) = await server.InferAsync("m", Body("r", 0, 8, "r", 32, 8));
        var written = await System.IO.File.ReadAllBytesAsync(File, Token);

        Assert.Equal(HttpStatusCode.OK, status);
        var parameters = json.GetProperty("outputs")[0].GetProperty("parameters");
        Assert.Equal("r", parameters.GetProperty("shared_memory_region").GetString());
        Assert.Equal(8, parameters.GetProperty("shared_memory_byte_size").GetInt32());
        Assert.False(json.GetProperty("outputs")[0].TryGetProperty("data", out _));
        Assert.Equal([1.5f, -2f], MemoryMarshal.Cast<byte, float>(written.AsSpan(32, 8)).ToArray());
    }

    [Fact]
    public async Task Regions_are_listed_and_forgotten()
    {
        await using var server = await StartAsync(64);
        await RegisterAsync(server, "a", 0, 64);
        await RegisterAsync(server, "b", 16, 8);

        var all = await GetAsync(server, "/v2/systemsharedmemory/status");
        var one = await GetAsync(server, "/v2/systemsharedmemory/region/b/status");
        await PostAsync(server, "/v2/systemsharedmemory/region/b/unregister", "");
        var gone = await PostAsync(server, "/v2/systemsharedmemory/region/b/register", "{}", expected: 400);
        await PostAsync(server, "/v2/systemsharedmemory/unregister", "");
        await PostAsync(server, "/v2/cudasharedmemory/unregister", "");

        Assert.Equal(2, all.GetArrayLength());
        Assert.Equal($$"""[{"name":"b","key":"{{_key}}","offset":16,"byte_size":8}]""", one.GetRawText());
        Assert.Contains("must be '/' and a name", gone);
        Assert.Equal("[]", (await GetAsync(server, "/v2/systemsharedmemory/status")).GetRawText());
    }

    [Theory]
    [InlineData("../etc/passwd", 0, 8, "must be '/' and a name")]
    [InlineData("/", 0, 8, "must be '/' and a name")]
    [InlineData("/..", 0, 8, "must be '/' and a name")]
    [InlineData("/atoll-no-such-object", 0, 8, "Unable to open shared memory region")]
    [InlineData(null, 60, 8, "are not within the 64 bytes")]
    [InlineData(null, 0, 65, "are not within the 64 bytes")]
    [InlineData(null, 9223372036854775807, 9223372036854775807, "are not within the 64 bytes")]
    [InlineData(null, 0, 0, "are not within the 64 bytes")]
    public async Task Wrong_regions_are_refused(string? key, long offset, long bytes, string reason)
    {
        await using var server = await StartAsync(64);

        var text = await PostAsync(server, "/v2/systemsharedmemory/region/r/register",
            $$"""{"key":"{{key ?? _key}}","offset":{{offset}},"byte_size":{{bytes}} }""", expected: 400);

        Assert.Contains(reason, text);
    }

    [Theory]
    [InlineData("q", 0, 8, "Unable to find shared memory region: 'q'")]
    [InlineData("r", 60, 8, "Invalid offset + byte size for shared memory region")]
    [InlineData("r", 9223372036854775807, 8, "Invalid offset + byte size for shared memory region")]
    [InlineData("r", 0, 4, "shared_memory_byte_size is 4")]
    public async Task Wrong_parts_of_a_region_are_refused(string region, long offset, long bytes, string reason)
    {
        await using var server = await StartAsync(64);
        await RegisterAsync(server, "r", 0, 64);

        var (status, json) = await server.InferAsync("m", Body(region, offset, bytes, "r", 0, 8));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(reason, json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Region_that_shrinks_is_an_error_and_the_server_lives()
    {
        await using var server = await StartAsync(64);
        await RegisterAsync(server, "r", 0, 64);
        using (var stream = new FileStream(File, FileMode.Open))
        {
            stream.SetLength(4);
        }

        var read = await server.InferAsync("m", Body("r", 0, 8, "r", 32, 8));
        var write = await server.InferAsync("m", """
            {"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"y","parameters":
            {"shared_memory_region":"r","shared_memory_offset":0,"shared_memory_byte_size":8}}]}
            """);

        Assert.Contains("smaller than when it was registered", read.Json.GetProperty("error").GetString());
        Assert.Contains("smaller than when it was registered", write.Json.GetProperty("error").GetString());
        Assert.Equal(4, new FileInfo(File).Length);
    }

    [Fact]
    public async Task Output_that_does_not_fit_is_refused()
    {
        await using var server = await StartAsync(64);
        await RegisterAsync(server, "r", 0, 64);

        var (status, json) = await server.InferAsync("m", Body("r", 0, 8, "r", 0, 4));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("should be at least 8 bytes", json.GetProperty("error").GetString());
    }

    private static string Body(
        string from, long fromOffset, long fromBytes, string to, long toOffset, long toBytes) => $$"""
        {"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_region":"{{from}}",
        "shared_memory_offset":{{fromOffset}},"shared_memory_byte_size":{{fromBytes}} } }],
        "outputs":[{"name":"y","parameters":{"shared_memory_region":"{{to}}",
        "shared_memory_offset":{{toOffset}},"shared_memory_byte_size":{{toBytes}} } }]}
        """;

    private async Task<TestServer> StartAsync(int bytes)
    {
        if (!Directory.Exists(SharedMemoryRegions.Folder))
        {
            Assert.Skip($"there is no {SharedMemoryRegions.Folder} here");
        }

        await System.IO.File.WriteAllBytesAsync(File, new byte[bytes], Token);
        return await TestServer.StartAsync(new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2)));
    }

    private Task<string> RegisterAsync(TestServer server, string name, long offset, long bytes) => PostAsync(
        server, $"/v2/systemsharedmemory/region/{name}/register",
        $$"""{"key":"{{_key}}","offset":{{offset}},"byte_size":{{bytes}} }""");

    private static async Task<string> PostAsync(TestServer server, string path, string body, int expected = 200)
    {
        using var response = await server.Client.PostAsync(path, new StringContent(body, Encoding.UTF8), Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True((int)response.StatusCode == expected, text);
        return expected == 200 ? text : JsonDocument.Parse(text).RootElement.GetProperty("error").GetString()!;
    }

    private static async Task<JsonElement> GetAsync(TestServer server, string path) =>
        (await server.GetAsync(path)).Json;
}
