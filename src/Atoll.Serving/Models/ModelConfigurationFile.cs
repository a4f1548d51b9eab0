using System.Text.Json;
using System.Text.Json.Serialization;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>The form of a model's `config.json`; what it leaves out comes from the settings.</summary>
internal sealed record ModelConfigurationFile
{
    public WorkClass? Class { get; init; }

    public int? Priority { get; init; }

    public int? Instances { get; init; }

    public int? OtherClassInstances { get; init; }

    public int? QueueCapacity { get; init; }

    public int? MaxBodyBytes { get; init; }

    public int? MaxBatchSize { get; init; }

    public double? ObjectiveMs { get; init; }

    public double? ExpectedRate { get; init; }

    public string[]? Devices { get; init; }

    public LateRequests? WhenLate { get; init; }

    public bool? DeferBatches { get; init; }

    /// <summary>Written by other servers; the folder names the model.</summary>
    public string? Name { get; init; }

    /// <summary>Written by other servers: onnxruntime_onnx or atoll_onnx.</summary>
    public string? Platform { get; init; }

    /// <summary>Written by other servers: onnxruntime or atoll.</summary>
    public string? Backend { get; init; }

    public VersionPolicyFile? VersionPolicy { get; init; }

    public TensorDeclaration[]? Input { get; init; }

    public TensorDeclaration[]? Output { get; init; }

    public SequenceConfiguration? SequenceBatching { get; init; }

    public IterationConfiguration? Iteration { get; init; }

    /// <summary>Written by other servers; here `iteration` decides.</summary>
    public TransactionPolicy? ModelTransactionPolicy { get; init; }

    public ParameterInput[]? ParameterInput { get; init; }

    public ModelConfiguration Over(ModelConfiguration defaults, string where)
    {
        Expect(where, "platform", Platform, "onnxruntime_onnx", ModelMetadata.OnnxPlatform);
        Expect(where, "backend", Backend, "onnxruntime", "atoll");
        RequireElements(
            where, ("input", Input), ("output", Output), ("parameter_input", ParameterInput), ("devices", Devices));
        SequenceBatching?.Check(where);
        StateTensor.Check(Iteration?.State, where);
        if (SequenceBatching is not null && Iteration is not null)
        {
            throw new ServingException(
                ServingError.InvalidSetting, $"{where}: a model has sequence_batching or iteration, not both");
        }

        if (Iteration is { ContinueOutput.Length: 0 } || Iteration is { MaxIterations: < 1 })
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: iteration needs a continue_output, and max_iterations of 1 or more");
        }

        if (ModelTransactionPolicy is { } policy && policy.Decoupled != (Iteration is not null))
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: model_transaction_policy.decoupled is {policy.Decoupled}; a model has several answers " +
                "exactly when it has iteration");
        }

        return Merged(defaults, where);
    }

    private ModelConfiguration Merged(ModelConfiguration defaults, string where) => defaults with
    {
        Class = Class ?? defaults.Class,
        Priority = Priority ?? defaults.Priority,
        Instances = Instances ?? defaults.Instances,
        OtherClassInstances = OtherClassInstances ?? defaults.OtherClassInstances,
        QueueCapacity = QueueCapacity ?? defaults.QueueCapacity,
        MaxBodyBytes = MaxBodyBytes ?? defaults.MaxBodyBytes,
        MaxBatchSize = MaxBatchSize ?? defaults.MaxBatchSize,
        ObjectiveMs = ObjectiveMs ?? defaults.ObjectiveMs,
        ExpectedRate = ExpectedRate ?? defaults.ExpectedRate,
        Devices = Devices ?? defaults.Devices,
        WhenLate = WhenLate ?? defaults.WhenLate,
        DeferBatches = DeferBatches ?? defaults.DeferBatches,
        VersionPolicy = VersionPolicy?.ToPolicy(where) ?? defaults.VersionPolicy,
        Inputs = Input ?? defaults.Inputs,
        Outputs = Output ?? defaults.Outputs,
        Sequence = SequenceBatching ?? defaults.Sequence,
        Iteration = Iteration ?? defaults.Iteration,
        ParameterInputs = ParameterInput ?? defaults.ParameterInputs,
    };

    /// <summary>The reader refuses null for whole values, but not for the elements of lists.</summary>
    internal static void RequireElements(
        string where, params ReadOnlySpan<(string Name, IEnumerable<object?>? Elements)> lists)
    {
        foreach (var (name, elements) in lists)
        {
            if (elements?.Contains(null) == true)
            {
                throw new ServingException(ServingError.InvalidSetting, $"{where}: an element of {name} is null");
            }
        }
    }

    private static void Expect(string where, string name, string? value, params string[] allowed)
    {
        if (value is { Length: > 0 } && !allowed.Contains(value))
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: {name} is '{value}'; this server runs ONNX models: {string.Join(" or ", allowed)}");
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowReadingFromString,
    AllowTrailingCommas = true,
    RespectNullableAnnotations = true,
    Converters = [typeof(WorkClassConverter), typeof(LateRequestsConverter)])]
[JsonSerializable(typeof(ModelConfigurationFile))]
[JsonSerializable(typeof(SequenceConfiguration))]
internal sealed partial class ModelConfigurationJson : JsonSerializerContext;

/// <summary>Writes classes as `real_time` and `best_effort`.</summary>
internal sealed class WorkClassConverter() : JsonStringEnumConverter<WorkClass>(JsonNamingPolicy.SnakeCaseLower, false);

/// <summary>Writes them as `drop` and `serve`.</summary>
internal sealed class LateRequestsConverter()
    : JsonStringEnumConverter<LateRequests>(JsonNamingPolicy.SnakeCaseLower, false);
