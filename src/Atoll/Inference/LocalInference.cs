using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>Runs a model file once in this process, without a server.</summary>
internal sealed class LocalInference : IDisposable
{
    private readonly CompiledModel _model;

    /// <exception cref="ModelException">The file is no model that we can run.</exception>
    public LocalInference(string path, ModelLimits limits)
    {
        _model = ModelCompiler.Compile(OnnxModel.Load(path, limits).Graph, new CompileOptions { Limits = limits });
        Inputs = [.. _model.Inputs.Select(spec => new TensorMetadata(spec.Name, spec.Type, [.. spec.Shape]))];
    }

    public IReadOnlyList<TensorMetadata> Inputs { get; }

    /// <summary>Runs the model on a device of its own.</summary>
    /// <exception cref="UsageException">An input is missing or of the wrong type.</exception>
    /// <exception cref="ModelException">A shape does not fit.</exception>
    public IReadOnlyList<TensorValue> Run(IReadOnlyList<TensorValue> values, CpuDeviceOptions options)
    {
        var inputs = Inputs.Select(input => Match(input, values)).ToList();
        using var device = new CpuDevice(options);
        using var stream = device.CreateStream(new StreamOptions { Name = "infer" });
        using var instance = _model.Instantiate(device, null, [.. inputs.Select(input => input.Shape)]);
        foreach (var (tensor, input) in instance.Inputs.Zip(inputs))
        {
            input.Data.CopyTo(tensor.AsSpan<byte>());
        }

        var launch = new Launch(instance.Program);
        var submitted = stream.Submit(launch);
        if (submitted != SubmitResult.Accepted || launch.Wait() != LaunchStatus.Completed)
        {
            throw new InvalidOperationException(
                $"the model did not run: {submitted}, {launch.Status}", launch.Failure);
        }

        return [.. instance.Outputs.Select(output => new TensorValue(
            output.Spec.Name, output.Spec.Type, [.. output.Spec.Shape], output.AsSpan<byte>().ToArray()))];
    }

    public void Dispose() => _model.Dispose();

    private static TensorValue Match(TensorMetadata input, IReadOnlyList<TensorValue> values)
    {
        var value = values.FirstOrDefault(value => value.Name == input.Name) ??
            throw new UsageException($"input '{input.Name}' is missing");
        return value.Type == input.Type && input.Accepts(value.Shape)
            ? value
            : throw new UsageException(
                $"input '{input.Name}' is {ProtocolTypes.NameOf(value.Type)} [{string.Join(',', value.Shape)}]; the " +
                $"model takes {ProtocolTypes.NameOf(input.Type)} [{string.Join(',', input.Shape)}]");
    }
}
