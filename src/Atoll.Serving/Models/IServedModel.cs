using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// What runs a model. The caller admits at most <see cref="Slots"/> requests of a class at once and disposes the
/// outputs of each before it admits the next. Thread-safe.
/// </summary>
public interface IServedModel : IAsyncDisposable
{
    ModelMetadata Metadata { get; }

    /// <summary>How many requests of this class may run or hold outputs at once; at least 1.</summary>
    int Slots(WorkClass workClass);

    /// <summary>A request of the model's own class has begun to arrive and will be ready to run soon.</summary>
    void Expect();

    /// <summary>
    /// Runs one checked request. Cancelling stops it on the device; the outcome is then not completed. What awaits the
    /// outcome goes on where other requests are finished too: it must be brief, or go on elsewhere.
    /// </summary>
    ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken);

    /// <summary>Device memory that the model holds now: weights, instances and their work space.</summary>
    long MemoryBytes => 0;
}

/// <summary>The outputs of one completed request, valid until disposed.</summary>
public interface IInferenceOutputs : IDisposable
{
    ReadOnlySpan<long> Shape(int output);

    /// <summary>Row-major little-endian elements.</summary>
    ReadOnlySpan<byte> Data(int output);
}

/// <summary>How a request ended.</summary>
public enum InferenceStatus
{
    Completed,

    /// <summary>The model's queue for this class holds its capacity already.</summary>
    QueueFull,

    /// <summary>The deadline passed before the work was complete, so it was dropped.</summary>
    Late,

    /// <summary>The policy expects the deadline to be missed.</summary>
    NotAdmitted,

    /// <summary>The shapes of the inputs do not fit the model or each other.</summary>
    Rejected,

    /// <summary>The client went away or the server stopped.</summary>
    Cancelled,

    /// <summary>The model or the device failed.</summary>
    Failed,
}

/// <summary>
/// Status of a request, its outputs when completed, a reason when there is more to say, and where the time went.
/// </summary>
public readonly record struct InferenceOutcome(
    InferenceStatus Status, IInferenceOutputs? Outputs = null, string? Reason = null, InferenceTiming Timing = default);
