using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Atoll.Models;

namespace Atoll;

/// <summary>`atoll model inspect`: what a model file holds and whether it can be served.</summary>
internal static class ModelInspectCommand
{
    private static readonly Argument<string> ModelFile = new("file") { Description = "An ONNX file." };

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    public static Command Create()
    {
        var command = new Command("inspect", "Print a model's inputs, outputs, operators, parameters and work.")
        {
            ModelFile, Json,
        };
        command.SetAction(result => Run(result));
        return command;
    }

    /// <summary>Bad input when the model could not be served.</summary>
    private static int Run(ParseResult result)
    {
        var inspection = ModelInspection.Read(result.GetRequiredValue(ModelFile));
        var output = result.InvocationConfiguration.Output;
        if (result.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(Describe(inspection), JsonText.Indented));
        }
        else
        {
            foreach (var line in Lines(inspection))
            {
                output.WriteLine(line);
            }
        }

        return CanBeServed(inspection) ? ExitCode.Done : ExitCode.BadInput;
    }

    private static bool CanBeServed(ModelInspection inspection) =>
        inspection.Unsupported.Count == 0 && inspection.Refusal is null;

    private static object Describe(ModelInspection inspection) => new
    {
        inspection.Path,
        inspection.IrVersion,
        inspection.Producer,
        inspection.Opsets,
        inspection.Metadata,
        Inputs = inspection.Inputs.Select(Describe),
        Outputs = inspection.Outputs.Select(Describe),
        inspection.Operators,
        inspection.Parameters,
        inspection.Flops,
        inspection.Unsupported,
        inspection.UnsupportedNodes,
        inspection.Refusal,
        Served = CanBeServed(inspection),
    };

    private static object Describe(InspectedTensor tensor) =>
        new { tensor.Name, Type = tensor.Type.ToString(), tensor.Shape };

    private static IEnumerable<string> Lines(ModelInspection inspection)
    {
        var opsets = inspection.Opsets.Select(o => $"{(o.Key.Length == 0 ? "ai.onnx" : o.Key)} {o.Value}");
        yield return $"file        {inspection.Path}";
        yield return $"producer    {inspection.Producer}, IR {inspection.IrVersion}";
        yield return $"opsets      {string.Join(", ", opsets)}";
        foreach (var (key, value) in inspection.Metadata)
        {
            yield return $"metadata    {key} = {value}";
        }

        foreach (var input in inspection.Inputs)
        {
            yield return $"input       {Text(input)}";
        }

        foreach (var output in inspection.Outputs)
        {
            yield return $"output      {Text(output)}";
        }

        yield return $"operators   {Counts(inspection.Operators)} ({inspection.Operators.Values.Sum()} nodes)";
        yield return string.Create(CultureInfo.InvariantCulture, $"parameters  {inspection.Parameters:N0}");
        yield return "work        " + (inspection.Flops is { } flops
            ? string.Create(CultureInfo.InvariantCulture, $"{flops / 1e9:0.###} GFLOP per inference")
            : "unknown: not every shape is known");
        yield return CanBeServed(inspection) ? "served      yes"
            : $"served      no: {inspection.Refusal ?? "unsupported " + inspection.UnsupportedNodes}";
    }

    private static string Text(InspectedTensor tensor) =>
        $"{tensor.Name} {tensor.Type} [{string.Join(", ", tensor.Shape)}]";

    private static string Counts(IReadOnlyDictionary<string, int> counts) =>
        string.Join(", ", counts.Select(c => $"{c.Key} {c.Value}"));
}
