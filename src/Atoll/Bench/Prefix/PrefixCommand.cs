using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace Atoll;

/// <summary>`atoll bench prefix`.</summary>
internal static class PrefixCommand
{
    public static Command Create(TimeProvider clock)
    {
        var model = new Option<string>("--model")
        {
            Description = "Sample model that ends in a pooled classifier.", DefaultValueFactory = _ => "resnet152",
        };
        var width = new Option<double>("--width")
        {
            Description = "Factor on its channel counts.", DefaultValueFactory = _ => 0.5,
        };
        var image = new Option<int?>("--image")
        {
            Description = "Height and width of its input; small images make the weights count for more.",
        };
        var variants = new Option<int>("--variants")
        {
            Description = "Models with one backbone, 2 to 64.", DefaultValueFactory = _ => 10,
        };
        var repetitions = new Option<int>("--repetitions")
        {
            Description = "Interleaved rounds.", DefaultValueFactory = _ => 9,
        };
        var units = new Option<int>("--units") { Description = "Compute units; 0 = one per CPU." };
        var quick = new Option<bool>("--quick") { Description = "A small backbone and three rounds." };
        var serving = new Option<bool>("--serving") { Description = "Through the sessions of a server." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command("prefix", "Variants of one backbone apart and through their common prefix.")
        {
            model, width, image, variants, repetitions, units, quick, serving, json,
        };
        command.SetAction(async (result, cancellation) =>
        {
            if (result.GetValue(variants) is var count && count is < 2 or > 64)
            {
                throw new UsageException($"--variants is {count}; allowed is 2 to 64");
            }

            var isQuick = result.GetValue(quick);
            var options = new PrefixOptions(
                result.GetValue(model)!, isQuick ? 0.125 : result.GetValue(width), count, isQuick ? [1] : [1, 2, 4],
                isQuick ? 3
                    : Math.Max(1, result.GetValue(repetitions)), result.GetValue(units), result.GetValue(image));
            if (result.GetValue(serving))
            {
                var bench = new PrefixServingBench(options, clock, what => Console.Error.WriteLine(what));
                Print(await bench.RunAsync(cancellation), result.GetValue(json));
                return ExitCode.Done;
            }

            Print(new PrefixBench(options, clock, what => Console.Error.WriteLine(what)).Run(), result.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print(PrefixReport report, bool isJson)
    {
        if (isJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.PrefixReport));
            return;
        }

        PrintRows($"{report.Variants} variants of {report.Model}", report.Rows);
        Console.Out.WriteLine($"memory: apart {report.ApartMb:F0} MB, shared {report.SharedMb:F0} MB");
        Console.Out.WriteLine($"largest relative difference {report.MaxRelativeError:E1}");
        Console.Out.WriteLine(
            $"prefix of {report.PrefixNodes} of {report.ModelNodes} nodes, found in {report.SearchSeconds:F2} s");
    }

    private static void Print(PrefixServingReport report, bool isJson)
    {
        if (isJson)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.PrefixServingReport));
            return;
        }

        PrintRows($"{report.Variants} variants of {report.Model} in sessions", report.Rows);
        Console.Out.WriteLine($"memory: apart {report.ApartMb:F0} MB, shared {report.SharedMb:F0} MB");
        Console.Out.WriteLine($"largest relative difference {report.MaxRelativeError:E1}");
    }

    private static void PrintRows(string title, IReadOnlyList<PrefixRow> rows)
    {
        var table = new Table().Title(Markup.Escape(title));
        Array.ForEach(
            ["requests per variant", "apart/s", "shared/s", "gain"], (string head) => table.AddColumn(head));
        foreach (var row in rows)
        {
            table.AddRow(
                $"{row.RequestsPerVariant}", $"{row.ApartRps:F1}", $"{row.SharedRps:F1}", $"{row.Gain:F2}");
        }

        TextTable.Write(table, Console.Out);
    }
}
