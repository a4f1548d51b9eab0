namespace Atoll.Serving;

/// <summary>
/// How many devices a group of sessions needs when its devices take from shared queues. A batch of b requests at rate r
/// is gathered in b / r, may wait for the devices' other work, and runs for l(b): l(b) + b / r + block &lt;= objective
/// gives each session's batch, and the sum of r l(b) / b the load. A device that shares is free of the others' batches
/// every l / n; a small group must leave more room for chance.
/// </summary>
internal sealed class PartitionCapacity
{
    /// <summary>Part of the longest other batch, divided by the devices, that a batch waits for a device.</summary>
    private const double Blocking = 0.5;

    /// <summary>
    /// Part of one device that random arrivals leave unused; of n devices the square root of n times it.
    /// </summary>
    private const double Chance = 0.1;

    /// <summary>Part of every device kept free, because batches do not start exactly when planned.</summary>
    private const double Reserve = 0.06;

    /// <summary>
    /// No batch is planned to run longer than this part of its objective: it would leave no time to choose when it
    /// starts.
    /// </summary>
    private const double LongestPart = 0.75;

    private readonly BatchProfile[] _profiles;
    private readonly double[] _objective;
    private readonly double[] _rate;
    private readonly long _memory;

    /// <param name="sessions">Objectives and rates.</param>
    /// <param name="profiles">Of each session, on the one kind of device.</param>
    /// <param name="memory">Bytes of a device; 0: not limited.</param>
    public PartitionCapacity(IReadOnlyList<SessionSpec> sessions, IReadOnlyList<BatchProfile> profiles, long memory)
    {
        _profiles = [.. profiles];
        _objective = [.. sessions.Select((session, i) =>
            (session.Objective - profiles[i].Preprocessing - profiles[i].Postprocessing).TotalSeconds)];
        _rate = [.. sessions.Select(session => session.Rate)];
        _memory = memory;
    }

    /// <summary>Fewest devices for these sessions at <paramref name="factor"/> times their rates; null if more than
    /// <paramref name="devicesMax"/>.</summary>
    public int? Devices(ReadOnlySpan<int> sessions, double factor, int devicesMax)
    {
        if (!Fits(sessions, factor, devicesMax))
        {
            return null;
        }

        var (low, high) = (0, devicesMax);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            (low, high) = Fits(sessions, factor, middle) ? (low, middle) : (middle, high);
        }

        return high;
    }

    /// <summary>Batch sizes of the sessions on so many devices; 0 for one that cannot meet its objective.</summary>
    public int[] Batches(ReadOnlySpan<int> sessions, double factor, int devices)
    {
        var batches = new int[sessions.Length];
        for (var i = 0; i < sessions.Length; i++)
        {
            batches[i] = Batch(sessions[i], factor, 0);
        }

        // Blocking depends on the batches of the others, which depend on blocking: one correction is enough.
        var (longest, second, at) = Longest(sessions, batches);
        for (var i = 0; i < sessions.Length; i++)
        {
            batches[i] = Batch(sessions[i], factor, Blocking * (i == at ? second : longest) / devices);
        }

        return batches;
    }

    /// <summary>Devices' worth of computing with these batches.</summary>
    public double Load(ReadOnlySpan<int> sessions, ReadOnlySpan<int> batches, double factor)
    {
        var load = 0.0;
        for (var i = 0; i < sessions.Length; i++)
        {
            var session = sessions[i];
            load += factor * _rate[session] * Latency(session, batches[i]) / batches[i];
        }

        return load;
    }

    private bool Fits(ReadOnlySpan<int> sessions, double factor, int devices)
    {
        if (devices < 1)
        {
            return false;
        }

        var batches = Batches(sessions, factor, devices);
        return !batches.Contains(0) && (_memory == 0 || Memory(sessions, batches) <= _memory) &&
            Load(sessions, batches, factor) <= ((1 - Reserve) * devices) - (Chance * Math.Sqrt(devices));
    }

    /// <summary>Bytes of the sessions with these batches, together on one device.</summary>
    public long Memory(ReadOnlySpan<int> sessions, ReadOnlySpan<int> batches)
    {
        long bytes = 0;
        for (var i = 0; i < sessions.Length; i++)
        {
            bytes += _profiles[sessions[i]].Memory(batches[i]);
        }

        return bytes;
    }

    private (double Longest, double Second, int At) Longest(ReadOnlySpan<int> sessions, int[] batches)
    {
        var (longest, second, at) = (0.0, 0.0, -1);
        for (var i = 0; i < sessions.Length; i++)
        {
            var latency = batches[i] == 0 ? 0 : Latency(sessions[i], batches[i]);
            if (latency > longest)
            {
                (longest, second, at) = (latency, longest, i);
            }
            else
            {
                second = Math.Max(second, latency);
            }
        }

        return (longest, second, at);
    }

    private double Latency(int session, int batch) => _profiles[session].Latency(batch).TotalSeconds;

    /// <summary>
    /// The largest batch that is gathered and run within the objective less the blocking. A rate too low to gather even
    /// one in time runs single requests.
    /// </summary>
    private int Batch(int session, double factor, double block)
    {
        var profile = _profiles[session];
        var budget = _objective[session] - block;
        var rate = Math.Max(_rate[session] * factor, double.Epsilon);
        var (low, high) = (0, profile.MaxBatch + 1);
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            var latency = Latency(session, middle);
            var fits = latency + ((middle - 1) / rate) <= budget &&
                (middle == 1 || latency <= LongestPart * _objective[session]);
            (low, high) = fits ? (middle, high) : (low, middle);
        }

        return low;
    }
}
