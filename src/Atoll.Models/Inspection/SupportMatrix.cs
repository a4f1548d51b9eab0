using System.Text;

namespace Atoll.Models;

/// <summary>
/// Which operators are had, at which versions and where they run, and which of ONNX's node tests are not passed;
/// made from the one operator table, so that it cannot say anything else than the code does.
/// </summary>
public static class SupportMatrix
{
    /// <summary>Node tests in ONNX 1.12.</summary>
    private const int NodeCases = 932;

    /// <summary>One operator of a domain at a range of versions of its operator set.</summary>
    /// <param name="Domain">Empty for the standard domain.</param>
    /// <param name="Name">Name of the operator.</param>
    /// <param name="Since">First version of the domain's operator set.</param>
    /// <param name="Until">Last version that is had.</param>
    /// <param name="OnDevice">Has kernels; otherwise, and for types that these lack, the host runs it.</param>
    /// <param name="Strings">Takes tensors of strings.</param>
    /// <param name="Containers">Takes sequences, optionals or maps.</param>
    public sealed record Row(string Domain, string Name, int Since, int Until, bool OnDevice, bool Strings,
        bool Containers);

    /// <summary>All operators, by domain and name.</summary>
    public static IReadOnlyList<Row> Rows { get; } =
    [
        .. OperatorTable.All.OrderBy(d => d.Domain, StringComparer.Ordinal).ThenBy(d => d.Name, StringComparer.Ordinal)
            .ThenBy(d => d.SinceOpset).Select(d => new Row(d.Domain, d.Name, d.SinceOpset, d.UntilOpset,
                NodeLowerings.Has(d.Domain, d.Name), d.Strings != StringSupport.None, d.TakesContainers)),
    ];

    /// <summary>The page docs/operators.md.</summary>
    public static string WriteMarkdown()
    {
        var text = new StringBuilder();
        text.Append("# Operators\n\nWritten by `atoll model operators --markdown`; a test keeps it up to date.\n\n")
            .Append("Operators that have kernels run on the device, stoppable within microseconds; the others, and " +
                "forms ")
            .Append("and types\nthat a kernel lacks, run by their reference on the thread of the request, between ")
            .Append("programs of the device.\nWhat is not in these tables is refused by name when a model is " +
                "loaded.\n");
        foreach (var domain in Rows.GroupBy(r => r.Domain))
        {
            text.Append("\n## ").Append(domain.Key.Length == 0 ? "ai.onnx" : domain.Key)
                .Append("\n\n| Operator | Versions | Runs on | Also takes |\n|---|---|---|---|\n");
            foreach (var row in domain)
            {
                text.Append("| ").Append(row.Name).Append(" | ").Append(row.Since).Append('–').Append(row.Until)
                    .Append(" | ").Append(row.OnDevice ? "device, host" : "host").Append(" | ")
                    .AppendJoin(", ", Also(row)).Append(" |\n");
            }
        }

        var unpassed = UnpassedNodeCases.All;
        text.Append("\n## Node tests of ONNX 1.12\n\n").Append(NodeCases - unpassed.Count).Append(" of ")
            .Append(NodeCases).Append(" cases pass, random ones by their distribution. Not passed:\n\n");
        foreach (var (name, reason) in unpassed)
        {
            text.Append("- ").Append(name).Append(": ").Append(reason).Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<string> Also(Row row) =>
        new[] { row.Strings ? "strings" : "", row.Containers ? "sequences, optionals" : "" }.Where(s => s.Length > 0);
}
