namespace Atoll.Serving;

/// <summary>Which of its queues a free device serves next.</summary>
public interface IQueueOrder
{
    /// <summary>A queue that is ready (see <see cref="IsReady"/>), or null when none is.</summary>
    /// <param name="device">The device that is free.</param>
    /// <param name="queues">The queues that the device may serve.</param>
    /// <param name="now">The time.</param>
    DispatchQueue? Next(int device, IReadOnlyList<DispatchQueue> queues, TimeSpan now);

    /// <summary>The queue holds requests and no rule asked to leave it alone.</summary>
    static bool IsReady(DispatchQueue queue, TimeSpan now) => queue.Waiting.Count > 0 && queue.NotBefore <= now;
}
