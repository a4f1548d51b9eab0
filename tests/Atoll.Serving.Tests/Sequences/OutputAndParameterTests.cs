using System.Net;
using System.Text;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>A model of class scores: SCORES = INPUT times SCALE, which is a parameter.</summary>
public sealed class OutputAndParameterTests
{
    private const string Configuration = """
        {"max_batch_size":4,"parameter_input":[{"input":"SCALE","parameter":"scale","header":"x-scale","default":"1"}]}
        """;

    private const string Inputs =
        "\"inputs\":[{\"name\":\"INPUT\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[1,3,2,9,7,8]}]";

    [Theory]
    [InlineData(2, "[2,2]", new[] { "3.000000:1", "2.000000:2", "9.000000:0", "8.000000:2" })]
    [InlineData(9, "[2,3]", new[]
    {
        "3.000000:1", "2.000000:2", "1.000000:0", "9.000000:0", "8.000000:2", "7.000000:1",
    })]
    public async Task Classification_answers_the_largest_values_of_each_item(int k, string shape, string[] expected)
    {
        await using var server = await ServeAsync();

        var (_, json) = await server.InferAsync("m",
            "{" + Inputs + $$$""", "outputs":[{"name":"SCORES","parameters":{"classification":{{{k}}}}}]}""");
        var output = json.GetProperty("outputs")[0];

        Assert.Equal("BYTES", output.GetProperty("datatype").GetString());
        Assert.Equal(shape, output.GetProperty("shape").GetRawText());
        Assert.Equal(expected, output.GetProperty("data").EnumerateArray().Select(e => e.GetString()));
    }

    [Fact]
    public async Task Labels_stand_behind_the_classes()
    {
        using var folder = new FakeRepository();
        folder.Write("labels.txt", "cat\ndog\nowl\n");
        const string Labelled = """{"max_batch_size":4,"output":[{"name":"SCORES","label_filename":"labels.txt"}],""";
        await using var server = await Model().ServeAsync(
            Labelled + Configuration.TrimStart().TrimStart('{').Replace("\"max_batch_size\":4,", ""), null,
            folder.Folder);

        var (_, json) = await server.InferAsync("m", "{" + Inputs +
            """, "outputs":[{"name":"SCORES","parameters":{"classification":1}}]}""");

        Assert.Equal(["3.000000:1:dog", "9.000000:0:cat"],
            json.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(e => e.GetString()));
    }

    [Theory]
    [InlineData("\"parameters\":{\"scale\":2},", null, 2f)]
    [InlineData("\"parameters\":{\"scale\":\"2.5\"},", "7", 2.5f)]
    [InlineData("", "7", 7f)]
    [InlineData("", null, 1f)]
    public async Task Parameters_and_headers_reach_the_model(string parameters, string? header, float expected)
    {
        await using var server = await ServeAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new StringContent("{" + parameters + Inputs + "}", Encoding.UTF8),
        };
        if (header is not null)
        {
            request.Headers.Add("X-Scale", header);
        }

        var (status, json) = await server.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(expected, json.GetProperty("outputs")[0].GetProperty("data")[0].GetSingle());
    }

    [Fact]
    public async Task Parameter_of_the_wrong_kind_is_named()
    {
        await using var server = await ServeAsync();

        var wrong = await server.InferAsync("m", "{\"parameters\":{\"scale\":\"wide\"}," + Inputs + "}");
        var reserved = await server.InferAsync("m", "{\"parameters\":{\"triton_x\":1}," + Inputs + "}");

        Assert.Contains("parameter 'scale' is 'wide', not a FP32", wrong.Json.GetProperty("error").GetString());
        Assert.Contains("are reserved", reserved.Json.GetProperty("error").GetString());
    }

    private static Task<TestServer> ServeAsync() => Model().ServeAsync(Configuration);

    private static ScriptedModel Model() => new(
        new ModelMetadata
        {
            Name = "m",
            Inputs = [new("INPUT", ElementType.Float32, [-1, 3]), new("SCALE", ElementType.Float32, [-1, 1])],
            Outputs = [new("SCORES", ElementType.Float32, [-1, 3])],
        },
        inputs =>
        {
            var scale = BitConverter.ToSingle(inputs[1].Data.Span);
            var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(inputs[0].Data.Span).ToArray();
            return [(inputs[0].Shape, [.. values.SelectMany(value => BitConverter.GetBytes(value * scale))])];
        });
}
