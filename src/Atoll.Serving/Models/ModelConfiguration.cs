using System.Text.Json;
using System.Text.Json.Serialization;
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

    public int SlotsFor(WorkClass workClass) => workClass == Class ? Instances : OtherClassInstances;

    /// <summary>
    /// Reads a configuration file; an unknown name or a value out of range is an error that names it.
    /// </summary>
    /// <exception cref="ServingException">The file cannot be read or is wrong.</exception>
    public static ModelConfiguration Read(string path, ModelConfiguration defaults)
    {
        try
        {
            var file = JsonSerializer.Deserialize(
                File.ReadAllBytes(path), ModelConfigurationJson.Default.ModelConfigurationFile);
            return (file ?? new()).Over(defaults).Checked(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new ServingException(ServingError.InvalidSetting, $"{path}: {Reason(e)}", e);
        }
    }

    // A fault of syntax has a message of use; the message of any other fault names .NET types and no choices.
    private static string Reason(Exception e) =>
        e is JsonException { InnerException: not JsonException, Path: { } where } json
        ? $"{where} on line {json.LineNumber + 1} has an unknown name or a value of the wrong kind; allowed: class " +
          "(real_time or best_effort), and as whole numbers priority, instances, other_class_instances, " +
          "queue_capacity, max_body_bytes"
        : e.Message;

    /// <summary>This configuration, or an error that names the wrong value, its limits and where it stands.</summary>
    public ModelConfiguration Checked(string where)
    {
        Check(where, "priority", Priority, 2, MaxPriority);
        Check(where, "instances", Instances, 1, MaxInstances);
        Check(where, "other_class_instances", OtherClassInstances, 1, MaxInstances);
        Check(where, "queue_capacity", QueueCapacity, 0, 1 << 16);
        Check(where, "max_body_bytes", MaxBodyBytes, 1, 1 << 30);
        return this;
    }

    private static void Check(string where, string name, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            throw new ServingException(
                ServingError.InvalidSetting, $"{where}: {name} is {value}; it must be {least} to {most}");
        }
    }
}

/// <summary>The form of a model's `config.json`; what it leaves out comes from the settings.</summary>
internal sealed record ModelConfigurationFile
{
    public WorkClass? Class { get; init; }

    public int? Priority { get; init; }

    public int? Instances { get; init; }

    public int? OtherClassInstances { get; init; }

    public int? QueueCapacity { get; init; }

    public int? MaxBodyBytes { get; init; }

    public ModelConfiguration Over(ModelConfiguration defaults) => new()
    {
        Class = Class ?? defaults.Class,
        Priority = Priority ?? defaults.Priority,
        Instances = Instances ?? defaults.Instances,
        OtherClassInstances = OtherClassInstances ?? defaults.OtherClassInstances,
        QueueCapacity = QueueCapacity ?? defaults.QueueCapacity,
        MaxBodyBytes = MaxBodyBytes ?? defaults.MaxBodyBytes,
    };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    Converters = [typeof(WorkClassConverter)])]
[JsonSerializable(typeof(ModelConfigurationFile))]
internal sealed partial class ModelConfigurationJson : JsonSerializerContext;

/// <summary>Writes classes as `real_time` and `best_effort`.</summary>
internal sealed class WorkClassConverter() : JsonStringEnumConverter<WorkClass>(JsonNamingPolicy.SnakeCaseLower, false);
