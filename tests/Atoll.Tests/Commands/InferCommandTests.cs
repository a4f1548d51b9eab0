using System.Text.Json.Nodes;
using Atoll.Devices;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Tests;

public sealed class InferCommandTests : IAsyncLifetime
{
    private readonly SumModel _model = new();
    private readonly ServingHost _host;

    public InferCommandTests() => _host = new ServingHost(
        new ServingOptions { Port = 0 },
        new ServingServices { Loader = _model, Loggers = NullLoggerFactory.Instance });

    public async ValueTask InitializeAsync()
    {
        await _host.StartAsync(TestContext.Current.CancellationToken);
        await _host.LoadAsync([new ModelSource("sum", "1", "sum.onnx", null)], TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Json_inputs_are_sent_and_the_outputs_come_back()
    {
        var run = await Infer("--input", "a=[[1,2,3],[4,5,6]]", "--input", "b=[10,20,30,40,50,60]", "--json");

        Assert.Equal((ExitCode.Done, ""), (run.Code, run.Error));
        var output = JsonNode.Parse(run.Output)!["outputs"]![0]!;
        Assert.Equal("c", (string?)output["name"]);
        Assert.Equal("[2,3]", output["shape"]!.ToJsonString());
        Assert.Equal([11f, 22f, 33f, 44f, 55f, 66f], output["data"]!.AsArray().Select(value => (float)value!));
    }

    [Fact]
    public async Task Files_are_inputs_too_and_the_table_shows_the_values()
    {
        var folder = Directory.CreateTempSubdirectory("atoll-infer");
        var array = Path.Combine(folder.FullName, "a.npy");
        var json = Path.Combine(folder.FullName, "b.json");
        NumPy.Write(array, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", [1f, 2f]);
        await File.WriteAllTextAsync(json, "[[0.5],[0.25]]", TestContext.Current.CancellationToken);

        var run = await Infer("--input", $"a=@{array}", "--input", $"b=@{json}", "--priority", "1");

        folder.Delete(recursive: true);
        Assert.Equal((ExitCode.Done, ""), (run.Code, run.Error));
        Assert.Contains("1.5 2.25", run.Output, StringComparison.Ordinal);
        Assert.Equal(WorkClass.RealTime, _model.Last!.Class);
    }

    [Theory]
    [InlineData("sum", "a=[[1],[2]]", "b")]
    [InlineData("sum", "x=[1]", "has no input 'x'")]
    [InlineData("sum", "a=[1,true,2,3]", "true is not a FP32")]
    [InlineData("sum", "a=[[1],[2,3]]", "not of equal length")]
    [InlineData("sum", "a=[1", "is not JSON")]
    [InlineData("sum", "a=@/nowhere.npy", "does not exist")]
    [InlineData("sum", "a", "NAME=JSON")]
    [InlineData("product", "a=[1]", "404")]
    public async Task Wrong_input_is_code_2_and_says_what(string model, string input, string expected)
    {
        var run = await CommandRun.StartAsync("infer", model, "--url", _host.Url.ToString(), "--input", input);

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_a_failure()
    {
        var url = _host.Url.ToString();
        await _host.StopAsync(TestContext.Current.CancellationToken);

        var run = await CommandRun.StartAsync("infer", "sum", "--url", url, "--input", "a=[1]");

        Assert.Equal(ExitCode.Failed, run.Code);
    }

    private Task<CommandRun> Infer(params string[] arguments) =>
        CommandRun.StartAsync(["infer", "sum", "--url", _host.Url.ToString(), .. arguments]);
}
