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
        var model = new Argument<string>("MODEL") { Description = "Name of the model." };
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
        var json = new Option<bool>("--json") { Description = "Print all values as JSON." };
        var command = new Command("infer", "Send one request to a server and print the outputs.")
        {
            model, inputs, server, token, priority, timeout, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var http = new HttpClient { BaseAddress = Address(result.GetValue(server)!), Timeout = Patience };
            if (result.GetValue(token) is { } secret)
            {
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
            }

            var client = new InferenceClient(http);
            var name = result.GetValue(model)!;
            var values = Read(result.GetValue(inputs)!, await client.InputsAsync(name, cancellationToken), name);
            var parameters = new InferenceParameters(result.GetValue(priority), result.GetValue(timeout));
            var outputs = await client.InferAsync(name, values, parameters, cancellationToken);
            Print(outputs, result.GetValue(json), result.InvocationConfiguration.Output);
        });
        return command;
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
}
