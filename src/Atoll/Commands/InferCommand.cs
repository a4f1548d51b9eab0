using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Atoll.Serving;

namespace Atoll;

/// <summary>`atoll infer`: sends one request to a server and prints the outputs.</summary>
internal static class InferCommand
{
    private const int ValuesShown = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static Command Create()
    {
        var model =
            new Argument<string>("MODEL") { Description = "Name of the model on the server, or a file with --local." };
        var inputs = new Option<string[]>("--input")
        {
            Description = "NAME=@FILE.npy, NAME=@FILE.json or NAME=JSON; once per input.",
            HelpName = "NAME=VALUE",
            Required = true,
        };
        var server = new Option<string>("--url")
        {
            Description = "The server.",
            DefaultValueFactory = _ => "http://127.0.0.1:8000",
        };
        var token = new Option<string>("--token") { Description = "Bearer token for the server." };
        var priority = new Option<int?>("--priority")
        {
            Description = "1 = real-time, 2 and more = order within best-effort, 0 = the model's default.",
        };
        var timeout = new Option<long?>("--timeout")
        {
            Description = "Deadline in microseconds; late work is dropped.",
            HelpName = "US",
        };
        var local = new Option<bool>("--local")
        {
            Description = "MODEL is a file; run it in this process, without a server.",
        };
        var json = new Option<bool>("--json") { Description = "Print all values as JSON." };
        var command = new Command("infer", "Send one request to a server, or run a file, and print the outputs.")
        {
            model, inputs, server, token, priority, timeout, local, json, SettingsOptions.For("device.name"),
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var name = result.GetValue(model)!;
            var given = result.GetValue(inputs)!;
            var outputs = result.GetValue(local)
                ? RunLocally(name, given, SettingsOptions.Load(result).Settings)
                : await AskAsync(
                    new Question(name, given, result.GetValue(server)!, result.GetValue(token)),
                    new InferenceParameters(result.GetValue(priority), result.GetValue(timeout)),
                    cancellationToken);
            Print(outputs, result.GetValue(json), result.InvocationConfiguration.Output);
        });
        return command;
    }

    private static IReadOnlyList<TensorValue> RunLocally(string path, string[] given, AtollSettings settings)
    {
        using var inference = new LocalInference(path, settings.Models.Limits);
        return inference.Run(
            Read(given, inference.Inputs, path), ModelServer.DeviceOptions(settings.Device, TimeProvider.System));
    }

    private static async Task<IReadOnlyList<TensorValue>> AskAsync(
        Question question, InferenceParameters parameters, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = Address(question.Url), Timeout = Patience };
        if (question.Token is { } secret)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        }

        var client = new InferenceClient(http);
        var inputs = await client.InputsAsync(question.Model, cancellationToken);
        return await client.InferAsync(
            question.Model, Read(question.Inputs, inputs, question.Model), parameters, cancellationToken);
    }

    /// <summary>Reads the `--input` values for a model with these inputs.</summary>
    /// <exception cref="UsageException">An input is unknown or cannot be read.</exception>
    public static IReadOnlyList<TensorValue> Read(string[] given, IReadOnlyList<TensorMetadata> specs, string model) =>
        [.. given.Select(InputArgument.Parse).Select(input =>
        {
            var spec = specs.FirstOrDefault(spec => spec.Name == input.Name) ?? throw new UsageException(
                $"model '{model}' has no input '{input.Name}'; it has {string.Join(", ", specs.Select(Show))}");
            return input.Read(spec.Type, spec.Shape);
        })];

    private static Uri Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is ("http" or "https")
            ? address
            : throw new UsageException($"--url {text}: an address like http://127.0.0.1:8000 is needed");

    private static string Show(TensorMetadata tensor) =>
        $"{tensor.Name} ({ProtocolTypes.NameOf(tensor.Type)} [{string.Join(',', tensor.Shape)}])";

    public static void Print(IReadOnlyList<TensorValue> outputs, bool json, TextWriter output)
    {
        if (json)
        {
            var root = new JsonObject
            {
                ["outputs"] = new JsonArray([.. outputs.Select(value => (JsonNode)value.ToJson())]),
            };
            output.WriteLine(root.ToJsonString(JsonText.Compact));
            return;
        }

        var table = TextTable.Create("output", "type", "shape", "values");
        foreach (var value in outputs)
        {
            var values = ElementCodec.Decode(value.Type, value.Data);
            var shown = string.Join(' ', values.Take(ValuesShown).Select(item => item!.ToString()));
            var more = values.Count > ValuesShown ? $" … ({values.Count} in all; --json prints them)" : "";
            TextTable.Add(
                table, value.Name, ProtocolTypes.NameOf(value.Type), $"[{string.Join(',', value.Shape)}]",
                    shown + more);
        }

        TextTable.Write(table, output);
    }

    private sealed record Question(string Model, string[] Inputs, string Url, string? Token);
}
