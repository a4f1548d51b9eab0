using System.Net;
using Atoll.Serving;

namespace Atoll.EndToEnd.Tests;

/// <summary>
/// Bad models and bad requests against the whole server: each is refused with what, where, limit and setting, and the
/// good models are served as before.
/// </summary>
public sealed class BadInputTests(BadInputServer server) : IClassFixture<BadInputServer>
{
    private const string Dim = "1152921504606846976";

    public static TheoryData<string> Models => [.. BadModels.Names];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Bad_model_is_refused_with_its_reason_and_the_others_are_served(string name)
    {
        var (_, _, state, reason) = Assert.Single(server.Host.Models, model => model.Name == name);
        Assert.Equal(ModelState.Failed, state);
        Assert.All(BadModels.Told(name), part => Assert.Contains(part, reason, StringComparison.Ordinal));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, reason), await server.GetAsync($"/v2/models/{name}/ready"));
        var (status, error) = await server.InferAsync(name, "{}");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        await server.StillServesAsync();
    }

    [Fact]
    public async Task Server_with_bad_models_is_ready() =>
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/v2/health/ready")).Status);

    [Theory]
    [InlineData("-1")]
    [InlineData("NaN")]
    [InlineData("\"NaN\"")]
    [InlineData("-0.5")]
    [InlineData("1e400")]
    public async Task Bad_timeout_is_refused(string timeout)
    {
        const string Input = """{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}""";
        var error = await RefusesAsync("good", $$"""{"inputs":[{{Input}}],"parameters":{"timeout":{{timeout}} } }""");
        Assert.True(error.Contains("'timeout'") || error.Contains("not valid JSON"), error);
    }

    [Theory]
    [InlineData("good", "[3,2]", "expects [2,3]")]
    [InlineData("good", "[6]", "expects [2,3]")]
    [InlineData("good", $"[{Dim},{Dim}]", "expects [2,3]")]
    [InlineData("good", "[-2,-3]", "at least 0")]
    [InlineData("variable", "[2,4]", "[2,4]")]
    [InlineData("variable", $"[{Dim},3]", "more elements")]
    [InlineData("variable", $"[{Dim},{Dim}]", Dim)]
    [InlineData("variable", "[0,3]", "0")]
    public async Task Bad_shape_is_refused(string model, string shape, string told) =>
        Assert.Contains(told, await RefusesAsync(model,
            $$"""{"inputs":[{"name":"x","shape":{{shape}},"datatype":"FP32","data":[1,2,3,4,5,6]}]}"""));

    [Theory]
    [InlineData("{}", "no 'inputs'")]
    [InlineData("""{"inputs":[]}""", "input 'x' of model 'good' is missing")]
    [InlineData("""{"inputs":[{"name":"z","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}]}""", "'z'")]
    [InlineData("""{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2]}]}""", "6 elements")]
    public async Task Missing_input_is_refused(string body, string told) =>
        Assert.Contains(told, await RefusesAsync("good", body));

    [Fact]
    public async Task Oversized_body_names_limit_and_setting()
    {
        var (status, error) = await server.InferAsync("good", new string(' ', BadInputServer.MaxBodyBytes + 1));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains($"{BadInputServer.MaxBodyBytes} bytes (setting ", error, StringComparison.Ordinal);
        await server.StillServesAsync();
    }

    private async Task<string> RefusesAsync(string model, string body)
    {
        var (status, error) = await server.InferAsync(model, body);
        Assert.True(status == HttpStatusCode.BadRequest, $"{status}: {error}");
        await server.StillServesAsync();
        return error;
    }
}
