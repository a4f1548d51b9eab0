using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// One request on its way through a query: each stage starts when those that it waits for have ended. The first stage
/// that does not complete ends the query and stops the others.
/// </summary>
internal sealed class PipelineRun(
    PipelineModel pipeline, InferenceRequest request, (long Arrival, long Deadline) times) : IInferenceOutputs
{
    private readonly ConcurrentDictionary<string, Task<StageResult?>> _stages = [];
    private readonly Lock _lock = new();
    private InferenceOutcome? _failure;

    public async ValueTask<InferenceOutcome> RunAsync(CancellationToken cancellation)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        foreach (var stage in pipeline.Stages)
        {
            _stages[stage.Stage.Name] = RunStageAsync(stage, stopping);
        }

        await Task.WhenAll(_stages.Values);
        return _failure ?? Missing() ?? new InferenceOutcome(InferenceStatus.Completed, this);
    }

    private bool HasFailed
    {
        get
        {
            lock (_lock)
            {
                return _failure is not null;
            }
        }
    }

    public ReadOnlySpan<long> Shape(int output) => Output(output).Shape;

    public ReadOnlySpan<byte> Data(int output) => Output(output).Data.Span;

    public void Dispose()
    {
        // The results are plain arrays.
    }

    /// <summary>A single value cannot say by having no rows that its stage got none.</summary>
    private InferenceOutcome? Missing()
    {
        for (var i = 0; i < pipeline.Spec.Outputs.Count; i++)
        {
            var source = pipeline.Spec.Outputs[i];
            if (pipeline.Metadata.Outputs[i].Shape.Length == 0 && _stages[source.Stage!].Result is null)
            {
                return new InferenceOutcome(InferenceStatus.Rejected, null,
                    $"output '{source.Name}' has no value, as stage '{source.Stage}' got no rows");
            }
        }

        return null;
    }

    private InputTensor Output(int output)
    {
        var source = pipeline.Spec.Outputs[output];
        if (_stages[source.Stage!].Result is { } result)
        {
            return result.Tensors[source.Source];
        }

        // The branch was not taken: the output is there and has no rows.
        long[] shape = [.. pipeline.Metadata.Outputs[output].Shape.Select(dimension => Math.Max(0, dimension))];
        shape[0] = 0;
        return new InputTensor(shape, ReadOnlyMemory<byte>.Empty);
    }

    /// <summary>The stage's outputs; null when it was not run.</summary>
    private async Task<StageResult?> RunStageAsync(StageSession stage, CancellationTokenSource stopping)
    {
        foreach (var before in stage.Stage.Before)
        {
            if (await _stages[before] is null)
            {
                return null;
            }
        }

        if (HasFailed || !IsTaken(stage.Stage.When))
        {
            return null;
        }

        if (stage.Stage.Inputs.Any(input => input.Crop is not null))
        {
            // To cut images takes long.
            await CompletionThreads.LeaveAsync();
        }

        if (await TryInputsAsync(stage, stopping) is not { } inputs)
        {
            return null;
        }

        var result = new StageResult(stage.Model.Metadata.Outputs);
        var rows = stage.Model.IsBatched ? (int)inputs[0].Shape[0] : 1;
        if (stage.Model.IsBatched && Array.Exists(inputs, input => input.Shape[0] != rows))
        {
            var counts = string.Join(", ", inputs.Select(input => input.Shape[0]));
            await FailAsync(stage, new InferenceOutcome(
                InferenceStatus.Rejected, null, $"its inputs have different numbers of rows: {counts}"), stopping);
            return null;
        }

        var part = stage.Model.IsBatched ? stage.Session.Options.MaxBatch : 1;
        for (var row = 0; row < rows; row += part)
        {
            var outcome = await InferAsync(
                stage, [.. inputs.Select(input => Part(input, row, Math.Min(part, rows - row)))], stopping.Token);
            if (outcome.Status != InferenceStatus.Completed)
            {
                await FailAsync(stage, outcome, stopping);
                return null;
            }

            using var outputs = outcome.Outputs!;
            result.Add(outputs);
        }

        return rows == 0 ? null : result.Joined();
    }

    private ValueTask<InferenceOutcome> InferAsync(
        StageSession stage, InputTensor[] inputs, CancellationToken cancellation)
    {
        var own = new InferenceRequest
        {
            Inputs = inputs,
            Class = stage.Session.Options.Class,
            Priority = PriorityOn(stage),
            Arrival = times.Arrival,

            // What earlier stages saved is this stage's to use; what later ones need is not.
            Deadline = times.Deadline - pipeline.TicksOf(stage.After),
        };
        for (var i = 0; i < stage.Model.Metadata.Outputs.Length; i++)
        {
            own.Outputs.Add(new OutputRequest(i, Binary: true));
        }

        return stage.Session.InferAsync(own, cancellation);
    }

    /// <summary>
    /// The request's own order where the stage is of its class, else the usual one of the stage's class.
    /// </summary>
    private int PriorityOn(StageSession stage)
    {
        var workClass = stage.Session.Options.Class;
        return workClass == request.Class ? request.Priority
            : workClass == WorkClass.RealTime ? 1 : stage.Model.Configuration.Priority;
    }

    private async Task FailAsync(StageSession stage, InferenceOutcome outcome, CancellationTokenSource stopping)
    {
        var place = $"stage '{stage.Stage.Name}'";
        lock (_lock)
        {
            // Stages fail at once, and the first that did tells why.
            _failure ??= outcome with
            {
                Outputs = null, Reason = outcome.Reason is { } reason ? $"{place}: {reason}" : $"in {place}",
            };
        }

        await stopping.CancelAsync();
    }

    /// <summary>Null where they cannot be made, and the query has failed.</summary>
    private async Task<InputTensor[]?> TryInputsAsync(StageSession stage, CancellationTokenSource stopping)
    {
        try
        {
            return [.. stage.Model.Metadata.Inputs.Select(input => Source(stage, input))];
        }
        catch (ServingException e)
        {
            await FailAsync(stage, new InferenceOutcome(InferenceStatus.Rejected, null, e.Message), stopping);
            return null;
        }
    }

    private InputTensor Source(StageSession stage, TensorMetadata input)
    {
        var given = stage.Stage.Inputs.First(own => own.Name == input.Name);
        var tensor = Source(given);
        return given.Crop is not { } crop ? tensor : ImageCrops.Cut(
            tensor, Source(crop.Boxes), crop.Scores is null ? null : Source(crop.Scores), crop,
            ((int)input.Shape[2], (int)input.Shape[3]));
    }

    private InputTensor Source(PipelineTensor tensor) => tensor.Stage is null
        ? request.Inputs[Array.FindIndex(pipeline.Metadata.Inputs, own => own.Name == tensor.Source)]
        : _stages[tensor.Stage].Result!.Tensors[tensor.Source];

    private bool IsTaken(PipelineCondition? when)
    {
        if (when is null)
        {
            return true;
        }

        var stage = pipeline.Stages.First(stage => stage.Stage.Name == when.Of.Stage);
        var type = stage.Model.Metadata.Outputs.First(output => output.Name == when.Of.Source).Type;
        var data = _stages[when.Of.Stage!].Result!.Tensors[when.Of.Source].Data.Span;
        var size = type.SizeInBytes();
        return (when.Index + 1) * size <= data.Length && Value(type, data[(when.Index * size)..]) >= when.AtLeast;
    }

    private static double Value(ElementType type, ReadOnlySpan<byte> at) => type switch
    {
        ElementType.Float32 => MemoryMarshal.Read<float>(at),
        ElementType.Float64 => MemoryMarshal.Read<double>(at),
        ElementType.Int32 => MemoryMarshal.Read<int>(at),
        ElementType.Int64 => MemoryMarshal.Read<long>(at),
        ElementType.UInt8 or ElementType.Bool => at[0],
        _ => double.NaN,
    };

    private static InputTensor Part(InputTensor tensor, int row, int rows)
    {
        if (tensor.Shape.Length == 0 || tensor.Shape[0] == rows)
        {
            return tensor;
        }

        var rowBytes = tensor.Data.Length / (int)tensor.Shape[0];
        return new InputTensor([rows, .. tensor.Shape[1..]], tensor.Data.Slice(row * rowBytes, rows * rowBytes));
    }
}

/// <summary>The outputs of a stage, put together from its parts.</summary>
internal sealed class StageResult(TensorMetadata[] outputs)
{
    private readonly List<(long[] Shape, byte[] Data)>[] _parts =
        [.. outputs.Select(_ => new List<(long[], byte[])>())];

    public Dictionary<string, InputTensor> Tensors { get; } = [];

    public void Add(IInferenceOutputs part)
    {
        for (var i = 0; i < _parts.Length; i++)
        {
            _parts[i].Add((part.Shape(i).ToArray(), part.Data(i).ToArray()));
        }
    }

    public StageResult Joined()
    {
        for (var i = 0; i < _parts.Length; i++)
        {
            var parts = _parts[i];
            var (shape, data) = parts[0];
            if (parts.Count > 1)
            {
                shape = [parts.Sum(part => part.Shape[0]), .. shape[1..]];
                data = [.. parts.SelectMany(part => part.Data)];
            }

            Tensors[outputs[i].Name] = new InputTensor(shape, data);
        }

        return this;
    }
}
