using System.CommandLine;
using System.Text.Json;
using Atoll.Models;

namespace Atoll;

/// <summary>`atoll model operators`: which operators are had, and where they run.</summary>
internal static class ModelOperatorsCommand
{
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    private static readonly Option<bool> Markdown = new("--markdown") { Description = "Print docs/operators.md." };

    public static Command Create()
    {
        var command = new Command("operators", "Print the operators that are had, and where they run.")
        {
            Json, Markdown,
        };
        command.SetAction(Run);
        return command;
    }

    private static void Run(ParseResult result)
    {
        var output = result.InvocationConfiguration.Output;
        if (result.GetValue(Markdown))
        {
            output.Write(SupportMatrix.WriteMarkdown());
        }
        else if (result.GetValue(Json))
        {
            output.WriteLine(JsonSerializer.Serialize(SupportMatrix.Rows, JsonText.Indented));
        }
        else
        {
            var table = TextTable.Create("domain", "operator", "versions", "runs on");
            foreach (var row in SupportMatrix.Rows)
            {
                TextTable.Add(table, row.Domain.Length == 0 ? "ai.onnx" : row.Domain, row.Name,
                    $"{row.Since}-{row.Until}", row.OnDevice ? "device, host" : "host");
            }

            TextTable.Write(table, output);
        }
    }
}
