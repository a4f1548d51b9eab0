using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll.Tests;

/// <summary>Runs the examples of docs/protocol.md against a server, in their order, and compares the answers.</summary>
public sealed partial class ProtocolPageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-page-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Every_example_of_the_page_answers_what_stands_below_it()
    {
        if (!File.Exists("/usr/bin/curl") || !Directory.Exists("/dev/shm"))
        {
            Assert.Skip("the examples need curl and /dev/shm");
        }

        foreach (var name in ProtocolModels.Names)
        {
            ProtocolModels.Create(name, _folder.FullName);
        }

        var page = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "docs", "protocol.md"), Token);
        await using var server = new ModelServer(
            [new CpuDeviceOptions { Units = 1 }],
            new ServingOptions
            {
                Port = 0,
                ControlMode = ModelControlMode.Explicit,
                ModelFolder = _folder.FullName,
            },
            new LogSection());
        await server.Host.StartAsync(Token);
        await server.Host.LoadAsync(ModelSource.Find(_folder.FullName), Token);
        Assert.All(server.Host.Models, model => Assert.Equal("", model.Reason));
        var examples = Example().Matches(page);
        Assert.True(examples.Count >= 14, $"the page has {examples.Count} examples");
        foreach (Match example in examples)
        {
            var command = example.Groups["command"].Value.Replace("localhost:8000", server.Host.Url.Authority);
            var answer = await RunAsync(command);
            Check(command, example.Groups["kind"].Value, example.Groups["answer"].Value.Trim(), answer.Trim());
        }
    }

    private static void Check(string command, string kind, string expected, string answer)
    {
        if (kind == "text")
        {
            Assert.Equal(expected, answer);
            return;
        }

        try
        {
            using var wanted = JsonDocument.Parse(expected);
            using var actual = JsonDocument.Parse(answer);
            Assert.True(Holds(wanted.RootElement, actual.RootElement), $"{command}\nanswers {answer}");
        }
        catch (JsonException e)
        {
            Assert.Fail($"{command}\nanswers '{answer}': {e.Message}");
        }
    }

    /// <summary>Whether everything expected is there; objects may have more, arrays of objects too.</summary>
    private static bool Holds(JsonElement expected, JsonElement actual) => expected.ValueKind switch
    {
        JsonValueKind.Object => actual.ValueKind == JsonValueKind.Object && expected.EnumerateObject().All(member =>
            actual.TryGetProperty(member.Name, out var value) && Holds(member.Value, value)),
        JsonValueKind.Array when expected.EnumerateArray().All(e => e.ValueKind == JsonValueKind.Object) =>
            actual.ValueKind == JsonValueKind.Array && expected.GetArrayLength() <= actual.GetArrayLength() &&
            expected.EnumerateArray().Zip(actual.EnumerateArray()).All(pair => Holds(pair.First, pair.Second)),
        _ => JsonElement.DeepEquals(expected, actual),
    };

    private static async Task<string> RunAsync(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", command])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await process.StandardOutput.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return output;
    }

    [GeneratedRegex("```sh\n(?<command>.*?)```\n```(?<kind>json|text)\n(?<answer>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
