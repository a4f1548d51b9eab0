using System.Text.Json;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>How one model is served: a `config.json` beside the model, or the settings' defaults.</summary>
public sealed record ModelConfiguration
{
    /// <summary>Most instances of a class that one model may ask for.</summary>
    public const int MaxInstances = 64;

    /// <summary>Largest order number within best-effort work.</summary>
    public const int MaxPriority = 16;

    /// <summary>Class of requests that name no priority. Default best-effort.</summary>
    public WorkClass Class { get; init; } = WorkClass.BestEffort;

    /// <summary>Order of best-effort requests that name none, 2 (first) to 16 (last). Default 8.</summary>
    public int Priority { get; init; } = 8;

    /// <summary>Requests that may run at once in the model's own class. Default 2.</summary>
    public int Instances { get; init; } = 2;

    /// <summary>Requests that may run at once in the other class. Default 1.</summary>
    public int OtherClassInstances { get; init; } = 1;

    /// <summary>Requests of a class that may wait for an instance. Default 64.</summary>
    public int QueueCapacity { get; init; } = 64;

    /// <summary>Largest request body in bytes after decompression. Default 64 MiB.</summary>
    public int MaxBodyBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Items that one request may hold along the first dimension of every tensor; 0 = the model has no batch dimension.
    /// </summary>
    public int MaxBatchSize { get; init; }

    /// <summary>Versions to serve. Default the latest.</summary>
    public VersionPolicy VersionPolicy { get; init; } = VersionPolicy.LatestOne;

    /// <summary>What the configuration says of inputs; must agree with the model.</summary>
    public IReadOnlyList<TensorDeclaration> Inputs { get; init; } = [];

    /// <summary>What the configuration says of outputs; must agree with the model.</summary>
    public IReadOnlyList<TensorDeclaration> Outputs { get; init; } = [];

    /// <summary>Every answer within so many milliseconds of arrival; 0 = none promised. Default 0.</summary>
    public double ObjectiveMs { get; init; }

    /// <summary>Rows per second to plan for before any were counted. Default 0.</summary>
    public double ExpectedRate { get; init; }

    /// <summary>Names of the devices that may run the model; none: any.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>What becomes of requests that cannot be answered within the objective. Default drop.</summary>
    public LateRequests WhenLate { get; init; }

    /// <summary>
    /// A batch waits for its last moment while devices are free for all that wait, so that batches are larger and fewer
    /// devices busy. Default no.
    /// </summary>
    public bool DeferBatches { get; init; }

    /// <summary>Served in sessions: in batches, with an objective, on several devices.</summary>
    public bool IsSession => MaxBatchSize > 1 || ObjectiveMs > 0 || Devices.Count > 0;

    /// <summary>State kept from request to request; null = requests stand alone.</summary>
    public SequenceConfiguration? Sequence { get; init; }

    /// <summary>Several answers to one request; null = one.</summary>
    public IterationConfiguration? Iteration { get; init; }

    /// <summary>Inputs that request parameters or headers fill.</summary>
    public IReadOnlyList<ParameterInput> ParameterInputs { get; init; } = [];

    /// <summary>
    /// How long units that slept stay awake for a request that has begun to arrive: real-time work must find them so,
    /// best-effort work only usually does.
    /// </summary>
    internal TimeSpan Expectation => Class == WorkClass.RealTime
        ? TimeSpan.FromMilliseconds(1)
        : TimeSpan.FromMicroseconds(100);

    public int SlotsFor(WorkClass workClass) => workClass == Class ? Instances : OtherClassInstances;

    /// <summary>
    /// Reads a configuration file; an unknown name or a value out of range is an error that names it.
    /// </summary>
    /// <exception cref="ServingException">The file cannot be read or is wrong.</exception>
    public static ModelConfiguration Read(string path, ModelConfiguration defaults)
    {
        try
        {
            return Parse(File.ReadAllBytes(path), path, defaults);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(ServingError.InvalidSetting, $"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a configuration from UTF-8 JSON; <paramref name="where"/> names it in errors.</summary>
    /// <exception cref="ServingException">It is wrong.</exception>
    public static ModelConfiguration Parse(ReadOnlySpan<byte> json, string where, ModelConfiguration defaults)
    {
        try
        {
            var file = JsonSerializer.Deserialize(json, ModelConfigurationJson.Default.ModelConfigurationFile);
            return (file ?? new()).Over(defaults, where).Checked(where);
        }
        catch (JsonException e)
        {
            throw new ServingException(ServingError.InvalidSetting, $"{where}: {Reason(e)}", e);
        }
    }

    /// <summary>Holds the configuration against the model that it is for.</summary>
    /// <exception cref="ServingException">They do not agree: says where.</exception>
    public void CheckAgainst(ModelMetadata model)
    {
        if (MaxBatchSize > 0)
        {
            foreach (var tensor in model.Inputs.Concat(model.Outputs))
            {
                if (tensor.Shape is not [var first, ..] || (first >= 0 && (first != 1 || MaxBatchSize != 1)))
                {
                    throw new ServingException(ServingError.InvalidSetting,
                        $"max_batch_size is {MaxBatchSize}, but the first dimension of '{tensor.Name}' " +
                        $"{DataTypes.Show(tensor.Shape)} is not variable");
                }
            }
        }

        TensorDeclaration.Check(Inputs, model.Inputs, MaxBatchSize, "input");
        TensorDeclaration.Check(Outputs, model.Outputs, MaxBatchSize, "output");
    }

    // A fault of syntax has a message of use; the message of any other fault names .NET types and no choices.
    private static string Reason(Exception e) =>
        e is JsonException { InnerException: not JsonException, Path: { } where } json
        ? $"{where} on line {json.LineNumber + 1} has an unknown name or a value of the wrong kind; allowed: class " +
          "(real_time or best_effort), when_late (drop or serve), defer_batches (true or false), as whole numbers " +
              "priority, instances, " +
              "other_class_instances, queue_capacity, " +
          "max_body_bytes, max_batch_size, as numbers objective_ms, expected_rate, a list devices, and name, " +
          "platform, backend, version_policy, input, output, sequence_batching, iteration, " +
          "model_transaction_policy, parameter_input"
        : e.Message;

    /// <summary>This configuration, or an error that names the wrong value, its limits and where it stands.</summary>
    public ModelConfiguration Checked(string where)
    {
        Check(where, "priority", Priority, 2, MaxPriority);
        Check(where, "instances", Instances, 1, MaxInstances);
        Check(where, "other_class_instances", OtherClassInstances, 1, MaxInstances);
        Check(where, "queue_capacity", QueueCapacity, 0, 1 << 16);
        Check(where, "max_body_bytes", MaxBodyBytes, 1, 1 << 30);
        Check(where, "max_batch_size", MaxBatchSize, 0, 1 << 16);
        Check(where, "objective_ms", ObjectiveMs, 0, 3_600_000);
        Check(where, "expected_rate", ExpectedRate, 0, 10_000_000);
        if (DeferBatches && ObjectiveMs == 0)
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: defer_batches is true, but without objective_ms no batch has a last moment");
        }

        if (WhenLate == LateRequests.Serve && ObjectiveMs == 0)
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: when_late is 'serve', but without objective_ms no request is late");
        }

        return this;
    }

    private static void Check(string where, string name, double value, double least, double most)
    {
        if (!(value >= least && value <= most))
        {
            throw new ServingException(
                ServingError.InvalidSetting, $"{where}: {name} is {value}; it must be {least} to {most}");
        }
    }
}
