namespace Atoll;

/// <summary>Finds what somebody may have meant: the known name with the least edit distance (Levenshtein).</summary>
internal static class NearestName
{
    public static string Of(string name, IEnumerable<string> known) =>
        known.MinBy(candidate => Distance(name, candidate)) ??
        throw new ArgumentException("no name is known", nameof(known));

    public static int Distance(string from, string to)
    {
        // One row of the usual table: the distance of the first i letters of one to the first j of the other.
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = int.Min(replaced, int.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[to.Length];
    }
}
