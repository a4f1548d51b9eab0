namespace Atoll.Serving;

/// <summary>
/// Early drop (Nexus, SOSP'19): a window of the planned batch size slides over the queue to the first request whose
/// time left covers the execution of the whole window; everything before it is given up. So a late head never shrinks
/// the batch, and goodput holds under overload.
/// </summary>
public sealed class EarlyDropRule : IBatchRule
{
    /// <param name="batch">The planned batch size, at least 1.</param>
    public EarlyDropRule(int batch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        Batch = batch;
    }

    public int Batch { get; }

    public void Take(IRequestQueue queue, TimeSpan now, BatchProfile profile, BatchTake take)
    {
        take.Clear();
        Slide(queue, now, profile, Batch, take);
    }

    /// <summary>
    /// Slides a window of at most <paramref name="window"/> rows over the queue; a larger request is a window of
    /// its own.
    /// </summary>
    internal static void Slide(IRequestQueue queue, TimeSpan now, BatchProfile profile, int window, BatchTake take)
    {
        var size = Math.Min(Math.Min(window, profile.MaxBatch), queue.Rows);
        var finish = size > 0 ? now + profile.Latency(size) : now;
        var rows = 0;
        while (rows < size && queue.TryPeek(out var request) && (rows == 0 || rows + request.Rows <= size))
        {
            queue.TryDequeue(out request);
            if (request.Deadline >= (request.Rows > size ? now + profile.LatencyOf(request.Rows) : finish))
            {
                take.Batch.Add(request);
                rows += request.Rows;
                continue;
            }

            take.Dropped.Add(request);
            var left = rows + queue.Rows;
            if (left < size && left > 0)
            {
                size = left;
                finish = now + profile.Latency(size);
            }
        }
    }
}
