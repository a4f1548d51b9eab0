namespace Atoll.Serving;

/// <summary>
/// Divides a session's requests among its queues in proportion to their weights, evenly in time: each request goes to
/// the queue that is furthest behind its share (smooth weighted round robin, the effect of Nexus' deficit round robin).
/// </summary>
public sealed class DeficitRouter
{
    private readonly double[] _weights;
    private readonly double[] _credit;
    private readonly double _total;

    /// <param name="weights">At least one; all above zero.</param>
    public DeficitRouter(IEnumerable<double> weights)
    {
        _weights = [.. weights];
        ArgumentOutOfRangeException.ThrowIfZero(_weights.Length, nameof(weights));
        Array.ForEach(_weights, weight => ArgumentOutOfRangeException.ThrowIfNegativeOrZero(weight, nameof(weights)));
        _credit = new double[_weights.Length];
        _total = _weights.Sum();
    }

    /// <summary>The index of the queue for the next request.</summary>
    public int Next()
    {
        var best = 0;
        for (var i = 0; i < _credit.Length; i++)
        {
            _credit[i] += _weights[i];
            if (_credit[i] > _credit[best])
            {
                best = i;
            }
        }

        _credit[best] -= _total;
        return best;
    }
}
