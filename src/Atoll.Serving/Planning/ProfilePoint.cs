namespace Atoll.Serving;

/// <summary>
/// What one batch size was measured to take on one device: mean execution time, standard deviation of it, and the bytes
/// of device memory that model and batch occupy together (0 = not measured).
/// </summary>
public readonly record struct ProfilePoint(int Batch, TimeSpan Mean, TimeSpan Deviation, long MemoryBytes);
