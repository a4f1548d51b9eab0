using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// A model that is served in batches by sessions, one for each class of work, on the devices of the director.
/// Admission, order and deadlines are the sessions' business, so the caller may let in as many requests as it likes.
/// </summary>
internal sealed class SessionModel(SessionDirector director, HostedModel hosted) : IServedModel
{
    /// <summary>The sessions bound the requests themselves.</summary>
    private const int AnyNumber = 1 << 20;

    public ModelMetadata Metadata => hosted.Metadata;

    public int Slots(WorkClass workClass) => AnyNumber;

    public void Expect() => hosted.Expect();

    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken) =>
        hosted.Session(request.Class).InferAsync(request, cancellationToken);

    public ValueTask DisposeAsync() => director.RemoveAsync(hosted);
}
