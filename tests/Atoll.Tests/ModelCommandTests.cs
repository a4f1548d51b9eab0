using System.Text.Json;

namespace Atoll.Tests;

public sealed class ModelCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-model-command-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Create_writes_a_model_that_inspect_describes()
    {
        var made = await CommandRun.StartAsync(
            "model", "create", "vgg19", "--out", _folder.FullName, "--width", "0.125", "--image", "64", "--json");
        Assert.True(made.Code == ExitCode.Done, made.Error);
        using var report = JsonDocument.Parse(made.Output);
        var model = report.RootElement.GetProperty("models")[0];
        Assert.Equal(new FileInfo(PathOf("vgg19")).Length, model.GetProperty("bytes").GetInt64());

        var inspected = await CommandRun.StartAsync("model", "inspect", PathOf("vgg19"), "--json");
        Assert.True(inspected.Code == ExitCode.Done, inspected.Output + inspected.Error);
        using var inspection = JsonDocument.Parse(inspected.Output);
        var root = inspection.RootElement;
        Assert.Equal(model.GetProperty("parameters").GetInt64(), root.GetProperty("parameters").GetInt64());
        Assert.Equal(16, root.GetProperty("operators").GetProperty("Conv").GetInt32());
        Assert.Equal("0.125", root.GetProperty("metadata").GetProperty("atoll.width").GetString());
        Assert.Equal("64", root.GetProperty("inputs")[0].GetProperty("shape")[3].GetString());
        Assert.True(root.GetProperty("served").GetBoolean());
    }

    [Fact]
    public async Task Inspect_counts_two_operations_per_multiply_add()
    {
        await CommandRun.StartAsync("model", "create", "resnet152", "--out", _folder.FullName);
        var inspected = await CommandRun.StartAsync("model", "inspect", PathOf("resnet152"), "--json");
        using var inspection = JsonDocument.Parse(inspected.Output);

        // The published 11.51 G multiply-adds, and about one operation per element of batch norms and activations.
        var flops = inspection.RootElement.GetProperty("flops").GetInt64();
        Assert.InRange(flops, 2 * 11.51e9, 2.02 * 11.51e9);
    }

    [Theory]
    [InlineData("alexnet", "1", "vgg19")]
    [InlineData("simpel", "1", "the nearest is simple;")]
    [InlineData("vgg19", "-1", "--width")]
    public async Task Bad_names_and_widths_are_bad_input(string name, string width, string told)
    {
        var run = await CommandRun.StartAsync("model", "create", name, "--width", width, "--out", _folder.FullName);
        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains(told, run.Error, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles());
    }

    [Fact]
    public async Task A_file_name_where_a_folder_is_needed_is_bad_input()
    {
        var run = await CommandRun.StartAsync("model", "create", "vgg19", "--out", PathOf("vgg19"));
        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains("a folder is needed", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("vgg19")));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_a_failure()
    {
        var file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        var run = await CommandRun.StartAsync("model", "create", "vgg19", "--width", "0.1", "--out", file);
        Assert.Equal(ExitCode.Failed, run.Code);
        Assert.Contains("--out", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspecting_a_file_that_is_no_model_is_bad_input()
    {
        await File.WriteAllTextAsync(PathOf("text"), "not a model", TestContext.Current.CancellationToken);
        var run = await CommandRun.StartAsync("model", "inspect", PathOf("text"));
        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains(PathOf("text"), run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspecting_names_the_nodes_whose_operators_are_not_had()
    {
        await File.WriteAllBytesAsync(PathOf("fancy"), Convert.FromBase64String(
            "CAhCBAoAEBE6WQoQCgF4EgFoGgJyMSIEUmVsdQoYCgFoEgF5GgdmYW5jeV8xIgdGYW5jeU" +
            "9wEgFnWhMKAXgSDgoMCAESCAoCCAEKAggEYhMKAXkSDgoMCAESCAoCCAEKAggE"), TestContext.Current.CancellationToken);

        var run = await CommandRun.StartAsync("model", "inspect", PathOf("fancy"));

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains("unsupported FancyOp (node 'fancy_1', opset 17)", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Profiling_fewer_than_one_run_is_bad_input()
    {
        var run = await CommandRun.StartAsync("profile", "digits", "--runs", "-5");

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains("--runs is -5", run.Error, StringComparison.Ordinal);
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name + ".onnx");
}
