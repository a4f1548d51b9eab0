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
        output.WriteLine("What clients saw over HTTP in each way of sharing the device");
        TextTable.Write(Sharing(report), output);
        foreach (var line in Notes(report))
        {
            output.WriteLine(line);
        }
    }

    /// <summary>Ways of sharing are columns, so that the table fits a terminal of 80 characters.</summary>
    private static Table Sharing(DemoReport report)
    {
        var table = TextTable.Create(
            ["", "alone", .. report.Rows.Select(row => row.Mode.Replace('_', '\n'))]);
        foreach (var (index, column) in table.Columns.Index())
        {
            column.NoWrap().Alignment(index == 0 ? Justify.Left : Justify.Right).Padding(0, 0, 1, 0);
        }

        foreach (var client in report.RealTimeAlone.RealTime.Select(client => client.Model))
        {
            Latency(table, report, client);
        }

        TextTable.Add(table, ["best-effort/s", Number(report.BeAloneRps), .. Each(row => Number(row.BeRps))]);
        TextTable.Add(table, ["  of alone", "100 %", .. Each(row => Share(row.BeShareOfAlone))]);
        TextTable.Add(table, ["  repeated", None, .. Each(row => $"{row.RepeatedBlocks}")]);
        TextTable.Add(
            table, ["preemptions", None, .. Each(row => row.PreemptUs is null ? None : $"{row.Preemptions}")]);
        Stage("us, p50/p99", stages => stages.Total);
        Stage("  flag", stages => stages.Flag);
        Stage("  running unit", stages => stages.Running);
        Stage("  idle unit", stages => stages.Idle);
        Stage("  device queue", stages => stages.DeviceQueue);
        Stage("  host queue", stages => stages.HostQueue);
        return table;

        IEnumerable<string> Each(Func<DemoRow, string> cell) => report.Rows.Select(cell);

        void Stage(string title, Func<DemoPreemption, DemoStage> stage) => TextTable.Add(
            table, [title, None, .. Each(row => row.PreemptUs is { } stages ? Quantiles(stage(stages)) : None)]);
    }

    private static void Latency(Table table, DemoReport report, string client)
    {
        Figure($"{client} ms, mean", latency => Number(latency.MeanMs));
        Figure("  p50", latency => Number(latency.P50Ms));
        Figure("  p99", latency => Number(latency.P99Ms));
        Figure("  missed", latency => $"{latency.Missed}");

        void Figure(string title, Func<DemoLatency, string> figure) => TextTable.Add(
            table, [title, .. report.Rows.Prepend(report.RealTimeAlone).Select(
                row => figure(row.RealTime.First(latency => latency.Model == client)))]);
    }

    private static IEnumerable<string> Notes(DemoReport report)
    {
        yield return $"digits recognised  {report.DigitsRecognised} of {report.DigitsDrawn} drawings " +
            $"({Share((double)report.DigitsRecognised / int.Max(1, report.DigitsDrawn), "0.0")})";
        yield return $"answers changed    {report.AnswersChanged} of {report.Answers} " +
            "(same input, same bytes, preempted or not)";
        yield return $"noise              alone at the end against the start: mean " +
            Share(report.NoiseMeanIncrease, "+0.0;-0.0");
        yield return "missed             frames not sent because the one before was still unanswered";
        yield return "repeated           best-effort blocks that ran again after a preemption";
        yield return $"scheduling rights  {report.SchedulingRights}" +
            (report.SchedulingRights == "full" ? "" : "; `atoll doctor` says what that costs");
        yield return $"machine            {report.Machine}, {report.Units} compute units";
        yield return FormattableString.Invariant(
            $"measured           {report.PhaseSeconds:0.#} s each way; {report.TotalSeconds:0} s in all");
        yield return "models";
        foreach (var model in report.Models)
        {
            yield return FormattableString.Invariant(
                $"  {model.Model,-15}  width {model.Width:0.####}, {model.FileMb:0.0} MB, ") +
                string.Join(" and ", model.Classes).Replace('_', '-');
        }
    }

    private static string Quantiles(DemoStage stage) =>
        stage.Count == 0 ? None : $"{Short(stage.P50)}/{Short(stage.P99)}";

    private static string Share(double share, string format = "0") =>
        (100 * share).ToString(format, CultureInfo.InvariantCulture) + " %";

    /// <summary>Thousands as k, so that two fit a column.</summary>
    private static string Short(double value) => value < 1000 ? Number(value) : Number(value / 1000) + "k";

    /// <summary>About three significant digits.</summary>
    private static string Number(double value) =>
        value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
