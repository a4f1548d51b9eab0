namespace Atoll.Tests;

public sealed class AtollCommandTests
{
    [Fact]
    public async Task Version_names_the_product_and_the_runtime()
    {
        var run = await CommandRun.StartAsync("version");

        Assert.Equal(ExitCode.Done, run.Code);
        Assert.StartsWith("atoll 0.", run.Output, StringComparison.Ordinal);
        Assert.Contains(".NET 10", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-such-command")]
    [InlineData("version", "--no-such-option")]
    public async Task Bad_usage_is_code_2_and_one_message_on_the_error_stream(params string[] arguments)
    {
        var run = await CommandRun.StartAsync(arguments);

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Empty(run.Output);
        Assert.Contains(arguments[^1], run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_the_users_input_are_code_2_and_the_rest_1()
    {
        Assert.Equal(ExitCode.BadInput, ExitCode.Of(new UsageException("x")));
        Assert.Equal(ExitCode.BadInput, ExitCode.Of(new FileNotFoundException()));
        Assert.Equal(ExitCode.Failed, ExitCode.Of(new InvalidOperationException()));
    }
}
