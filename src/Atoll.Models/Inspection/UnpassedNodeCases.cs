namespace Atoll.Models;

/// <summary>
/// The cases of ONNX 1.12's node tests that are not passed, with the reason for each. A test holds the list to the
/// truth in both directions.
/// </summary>
public static class UnpassedNodeCases
{
    private const string Resource = "unpassed-node-cases.txt";

    private static readonly Lazy<SortedDictionary<string, string>> List = new(Read);

    /// <summary>Reasons by case name, e.g. "test_abs".</summary>
    public static IReadOnlyDictionary<string, string> All => List.Value;

    private static SortedDictionary<string, string> Read()
    {
        using var stream = typeof(UnpassedNodeCases).Assembly.GetManifestResourceStream(Resource)!;
        using var reader = new StreamReader(stream);
        var cases = new SortedDictionary<string, string>(StringComparer.Ordinal);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#')
            {
                var end = line.IndexOf(": ", StringComparison.Ordinal);
                cases.Add(line[..end], line[(end + 2)..]);
            }
        }

        return cases;
    }
}
