namespace Atoll.Serving;

/// <summary>
/// How a share runs on its device. Times in milliseconds.
/// </summary>
/// <param name="Batch">Batch size.</param>
/// <param name="ExecutionMs">Planned time of one batch.</param>
/// <param name="PeriodMs">Time from batch to batch.</param>
/// <param name="StartMs">First start in the device's table; NaN where batches run by earliest deadline.</param>
/// <param name="WorstMs">Longest time from a request's arrival to the end of its batch.</param>
/// <param name="MemoryBytes">Device memory of model and batch.</param>
internal readonly record struct BatchSlot(
    int Batch, double ExecutionMs, double PeriodMs, double StartMs, double WorstMs, long MemoryBytes)
{
    public double Utilization => ExecutionMs / PeriodMs;
}
