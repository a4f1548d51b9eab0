using Atoll.Serving;

namespace Atoll;

/// <summary>How a bench's requests reach the models: through the session layer in this process, or over HTTP.</summary>
internal interface IRequestPath : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Sends one request and waits for the whole answer: how it ended, and why if not well.</summary>
    Task<(InferenceStatus Status, string? Reason)> SendAsync(
        ServingLoad load, InputTensor[] input, CancellationToken cancellation);
}
