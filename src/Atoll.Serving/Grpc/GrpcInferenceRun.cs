using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>One request on its way: the model that it uses, the checked request, and what ends it early.</summary>
internal sealed class GrpcInferenceRun : IDisposable
{
    /// <summary>A call that may last longer has no deadline but the call's own.</summary>
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    private readonly ModelUse _use;
    private readonly GrpcCall _call;
    private readonly CancellationTokenSource? _deadline;
    private readonly CancellationTokenSource _cancellation;
    private readonly bool _endsWithCall;

    /// <exception cref="RequestException">The request is wrong, or its model cannot be used.</exception>
    public GrpcInferenceRun(GrpcInferenceParts parts, ModelInferRequest message, GrpcCall call)
    {
        var arrived = parts.Clock.GetTimestamp();
        _call = call;
        _use = parts.Repository.Use(message.ModelName, GrpcModelInformation.VersionOf(message.ModelVersion));
        InferenceRequest? request = null;
        try
        {
            RequireWithin(message, Entry.Configuration.MaxBodyBytes);
            Entry.Model!.Expect();
            var regions = parts.SharedMemory.For(call.PeerAddress);
            Request = request = InferMessageReader.Read(Entry.Model.Metadata, message, regions, out var parameters);
            RequestScheduling.Classify(request, parameters, Entry, parts.Gate.TokenOf(call));
            HeaderParameters.Apply(request, name => call.Headers[name.ToLowerInvariant()], Entry.Configuration);
            var left = Left(call, parts.Clock.GetElapsedTime(call.Arrived, arrived));
            _endsWithCall = left is not null && !(parameters.Timeout <= left);
            _deadline = RequestScheduling.SetDeadline(
                request, _endsWithCall ? left : parameters.Timeout, arrived, parts.Clock);
        }
        catch
        {
            request?.Dispose();
            _use.Dispose();
            throw;
        }

        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(
            call.Cancellation, _deadline?.Token ?? CancellationToken.None);
    }

    private static TimeSpan? Left(GrpcCall call, TimeSpan elapsed) => (call.Timeout - elapsed) switch
    {
        { } left when left > LongestTimeout => null,
        { } left when left < TimeSpan.Zero => TimeSpan.Zero,
        var left => left,
    };

    public ModelEntry Entry => _use.Entry;

    public InferenceRequest Request { get; }

    public CancellationToken Cancellation => _cancellation.Token;

    /// <summary>The answer that an outcome stands for; its tensors are the caller's to dispose.</summary>
    /// <exception cref="RequestException">The request was not completed.</exception>
    public InferAnswer Answer(in InferenceOutcome outcome)
    {
        if (outcome.Outputs is { } outputs)
        {
            using (outputs)
            {
                return InferAnswer.Write(Entry.Model!.Metadata, Request, outputs);
            }
        }

        throw outcome.Status switch
        {
            InferenceStatus.Cancelled when _call.Cancellation.IsCancellationRequested =>
                new OperationCanceledException(_call.Cancellation),
            InferenceStatus.Late or InferenceStatus.NotAdmitted when _endsWithCall => new GrpcException(
                GrpcStatus.DeadlineExceeded, Refusal.Of(Entry, Request, outcome).Message),
            InferenceStatus.Cancelled when _endsWithCall && _deadline!.IsCancellationRequested => new GrpcException(
                GrpcStatus.DeadlineExceeded,
                Refusal.Of(Entry, Request, new InferenceOutcome(InferenceStatus.Late)).Message),
            _ => Refusal.Of(Entry, Request, outcome),
        };
    }

    /// <summary>The model's own limit counts tensors here: the message as a whole was bounded as it came.</summary>
    private static void RequireWithin(ModelInferRequest message, int limit)
    {
        var bytes = message.RawInputContents.Sum(raw => (long)raw.Length) +
            message.Inputs.Sum(input => (long)(input.Contents?.CalculateSize() ?? 0));
        if (bytes > limit)
        {
            throw new RequestException(413, $"the request's tensors have {bytes} bytes; the limit is {limit} bytes " +
                "(setting max_body_bytes of the model's config.json)");
        }
    }

    public void Dispose()
    {
        _cancellation.Dispose();
        _deadline?.Dispose();
        Request.Dispose();
        _use.Dispose();
    }
}
