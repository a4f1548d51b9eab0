using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// One batch of models that share a prefix: the prefix, then all suffixes at once, then their ends one after another.
/// Used by one batch at a time, again and again: written out as steps because an async method would allocate.
/// </summary>
internal sealed class PrefixRun : IValueTaskSource<InferenceOutcome>
{
    private readonly PrefixSlots _slots;
    private readonly Action _onPrefix;
    private readonly Action _onSuffix;

    // Whoever ends the last launch goes on with the answers.
    private ManualResetValueTaskSourceCore<InferenceOutcome> _completion;
    private ValueTaskAwaiter<InferenceOutcome> _awaited;
    private InstanceSlot? _prefix;
    private ReplicaBatch? _batch;
    private DeviceStream? _stream;
    private CancellationToken _cancellation;
    private InferenceOutcome _outcome;
    private Exception? _failure;
    private int _submitted;
    private int _next;

    public PrefixRun(PrefixSlots slots) => (_slots, _onPrefix, _onSuffix) = (slots, OnPrefix, OnSuffix);

    /// <summary>To be awaited once, before the next batch is started.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "Each awaiter is consumed once.")]
    public ValueTask<InferenceOutcome> Start(ReplicaBatch batch, DeviceStream stream, CancellationToken cancellation)
    {
        _completion.Reset();
        (_failure, _submitted, _next) = (null, 0, 0);
        (_batch, _stream, _cancellation) = (batch, stream, cancellation);
        _prefix = _slots.PrefixFor(batch.Rows);
        _awaited = _prefix.RunPrefixAsync(batch, stream, cancellation).GetAwaiter();
        if (_awaited.IsCompleted)
        {
            OnPrefix();
        }
        else
        {
            _awaited.UnsafeOnCompleted(_onPrefix);
        }

        return new ValueTask<InferenceOutcome>(this, _completion.Version);
    }

    private void OnPrefix()
    {
        try
        {
            _outcome = _awaited.GetResult();
            if (_outcome.Status == InferenceStatus.Completed)
            {
                SubmitSuffixes();
            }
        }
        catch (Exception e)
        {
            // Whoever awaits the batch gets it, when what was submitted before has ended.
            _failure = e;
        }

        AwaitSuffixes();
    }

    private void SubmitSuffixes()
    {
        _slots.Divide(_batch!, _prefix!);
        foreach (var suffix in _slots.Suffixes)
        {
            suffix.Submit(_stream!, _cancellation);
            _submitted++;
        }
    }

    private void OnSuffix()
    {
        Take();
        AwaitSuffixes();
    }

    /// <summary>
    /// All that were submitted are awaited, whatever the first ones say: a slot is free only when its launch has ended.
    /// </summary>
    private void AwaitSuffixes()
    {
        while (_next < _submitted)
        {
            _awaited = _slots.Suffixes[_next++].Ending.GetAwaiter();
            if (!_awaited.IsCompleted)
            {
                _awaited.UnsafeOnCompleted(_onSuffix);
                return;
            }

            Take();
        }

        if (_failure is { } failure)
        {
            _completion.SetException(failure);
        }
        else
        {
            _completion.SetResult(_outcome);
        }
    }

    private void Take()
    {
        InferenceOutcome ended;
        try
        {
            ended = _awaited.GetResult();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            ended = new InferenceOutcome(InferenceStatus.Failed, null, e.Message);
        }

        _outcome = ended.Status == InferenceStatus.Completed ? _outcome : ended;
    }

    InferenceOutcome IValueTaskSource<InferenceOutcome>.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<InferenceOutcome>.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource<InferenceOutcome>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);
}
