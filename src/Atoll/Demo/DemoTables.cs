using System.Globalization;
using Spectre.Console;

namespace Atoll;

/// <summary>The report as a person reads it.</summary>
internal static class DemoTables
{
    private const string None = "–";

    public static void Write(DemoReport report, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine("What clients saw over HTTP, and what the device did");
        TextTable.Write(Sharing(report), output);
        output.WriteLine("Preemption latency by stage, us: p50 / p99");
        TextTable.Write(Stages(report), output);
        foreach (var line in Notes(report))
        {
            output.WriteLine(line);
        }
    }

    private static Table Sharing(DemoReport report)
    {
        string[] latencies = [.. report.RealTimeAlone.RealTime.SelectMany(client => new[]
        {
            $"{client.Model}, ms\nmean", "\np50", "\np99", "\nmissed",
        })];
        var table = TextTable.Create([
            "sharing", .. latencies, "best-effort\nreq/s", "\nof alone", "preemptions\ncount", "\np50 us",
            "\np99 us", "\nrepeated",
        ]);
        foreach (var (index, column) in table.Columns.Index())
        {
            column.NoWrap().Alignment(index == 0 ? Justify.Left : Justify.Right).Padding(0, 0, 1, 0);
        }

        TextTable.Add(table, Cells(report.RealTimeAlone, "real-time alone"));
        string[] none = [.. latencies.Select(_ => None)];
        TextTable.Add(
            table, ["best-effort alone", .. none, Number(report.BeAloneRps), "100 %", None, None, None, None]);
        foreach (var row in report.Rows)
        {
            TextTable.Add(table, Cells(row, row.Mode));
        }

        return table;
    }

    private static string[] Cells(DemoRow row, string title)
    {
        var loaded = row.BeRpsByModel.Count > 0;
        var total = row.PreemptUs?.Total;
        return
        [
            title,
            .. row.RealTime.SelectMany(client => new[]
            {
                Number(client.MeanMs), Number(client.P50Ms), Number(client.P99Ms), $"{client.Missed}",
            }),
            loaded ? Number(row.BeRps) : None,
            loaded ? Share(row.BeShareOfAlone) : None,
            total is null ? None : $"{row.Preemptions}",
            total is null ? None : Number(total.P50),
            total is null ? None : Number(total.P99),
            loaded ? $"{row.RepeatedBlocks}" : None,
        ];
    }

    private static Table Stages(DemoReport report)
    {
        var table = TextTable.Create(
            "sharing", "total", "flag", "running unit", "idle unit", "device queue", "host queue");
        foreach (var column in table.Columns)
        {
            column.NoWrap().Padding(0, 0, 1, 0);
        }

        foreach (var row in report.Rows)
        {
            if (row.PreemptUs is { } stages)
            {
                TextTable.Add(
                    table, row.Mode, Stage(stages.Total), Stage(stages.Flag), Stage(stages.Running),
                    Stage(stages.Idle), Stage(stages.DeviceQueue), Stage(stages.HostQueue));
            }
        }

        return table;
    }

    private static IEnumerable<string> Notes(DemoReport report)
    {
        yield return $"digits recognised   {report.DigitsRecognised} of {report.DigitsDrawn} drawings " +
            $"({Share((double)report.DigitsRecognised / int.Max(1, report.DigitsDrawn), "0.0")})";
        yield return $"answers changed     {report.AnswersChanged} of {report.Answers} " +
            "(the same input must get the same bytes, preempted or not)";
        yield return $"noise               real-time alone at the end against the start: mean " +
            Share(report.NoiseMeanIncrease, "+0.0;-0.0");
        yield return $"models              {string.Join(", ", report.Models.Select(Describe))}";
        yield return $"compute units       {report.Units}, scheduling rights {report.SchedulingRights}" +
            (report.SchedulingRights == "full" ? "" : " (atoll doctor says what that costs)");
        yield return $"machine             {report.Machine}";
        yield return FormattableString.Invariant(
            $"measured            {report.PhaseSeconds:0.#} s per row; {report.TotalSeconds:0} s in all");
    }

    private static string Describe(DemoModel model) =>
        FormattableString.Invariant($"{model.Model} (width {model.Width:0.###}, {model.FileMb:0.0} MB)");

    private static string Stage(DemoStage stage) =>
        stage.Count == 0 ? None : $"{Number(stage.P50)} / {Number(stage.P99)}";

    private static string Share(double share, string format = "0") =>
        (100 * share).ToString(format, CultureInfo.InvariantCulture) + " %";

    /// <summary>About three significant digits.</summary>
    private static string Number(double value) =>
        value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
