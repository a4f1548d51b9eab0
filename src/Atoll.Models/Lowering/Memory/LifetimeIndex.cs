namespace Atoll.Models;

/// <summary>
/// Placed storages by their lifetimes, as a segment tree over the steps: finding those that meet a lifetime costs the
/// logarithm of the steps and what is found.
/// </summary>
internal sealed class LifetimeIndex
{
    private readonly int _steps;

    // At a tree node: lifetimes that cover all its steps, and at its parent not; how many start below it.
    private readonly List<(StorageLifetime Life, long Offset)>?[] _covering;
    private readonly List<(StorageLifetime Life, long Offset)>?[] _starting;
    private readonly int[] _starts;

    /// <param name="lifetimes">All that may be added.</param>
    public LifetimeIndex(IEnumerable<StorageLifetime> lifetimes)
    {
        // A power of two, so that the steps below a node are neighbours.
        _steps = (int)System.Numerics.BitOperations.RoundUpToPowerOf2(
            (uint)lifetimes.Select(l => l.Last + 1).DefaultIfEmpty(1).Max());
        _covering = new List<(StorageLifetime, long)>?[2 * _steps];
        _starting = new List<(StorageLifetime, long)>?[_steps];
        _starts = new int[2 * _steps];
    }

    public void Add(StorageLifetime life, long offset)
    {
        foreach (var node in Cover(life.First, life.Last))
        {
            (_covering[node] ??= []).Add((life, offset));
        }

        (_starting[life.First] ??= []).Add((life, offset));
        for (var node = _steps + life.First; node > 0; node /= 2)
        {
            _starts[node]++;
        }
    }

    /// <summary>What was added and is live in a step of the given lifetime, each once.</summary>
    public List<(StorageLifetime Life, long Offset)> Meeting(StorageLifetime life)
    {
        var found = new List<(StorageLifetime, long)>();
        for (var node = _steps + life.First; node > 0; node /= 2)
        {
            found.AddRange(_covering[node] ?? []);
        }

        foreach (var node in Cover(life.First + 1, life.Last))
        {
            AddStarting(node, found);
        }

        return found;
    }

    private void AddStarting(int node, List<(StorageLifetime, long)> found)
    {
        if (_starts[node] == 0)
        {
            return;
        }

        if (node >= _steps)
        {
            found.AddRange(_starting[node - _steps]!);
            return;
        }

        AddStarting(2 * node, found);
        AddStarting((2 * node) + 1, found);
    }

    // The largest nodes that lie within the steps.
    private IEnumerable<int> Cover(int first, int last)
    {
        for (int low = first + _steps, end = last + 1 + _steps; low < end; low /= 2, end /= 2)
        {
            if (low % 2 == 1)
            {
                yield return low++;
            }

            if (end % 2 == 1)
            {
                yield return --end;
            }
        }
    }
}
