using System.Globalization;
using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Writes a served model's configuration in the form of the model configuration extension.</summary>
internal static class ModelConfigurationText
{
    public static void Write(Utf8JsonWriter json, ModelEntry entry)
    {
        var configuration = entry.Configuration;
        var metadata = entry.Model!.Metadata;
        json.WriteString("name"u8, entry.Name);
        json.WriteString("platform"u8, metadata.Platform);
        json.WriteString("backend"u8, "atoll"u8);
        WritePolicy(json, configuration.VersionPolicy);
        json.WriteNumber("max_batch_size"u8, configuration.MaxBatchSize);
        WriteTensors(json, "input"u8, metadata.Inputs, configuration);
        WriteTensors(json, "output"u8, metadata.Outputs, configuration);
        WriteInstances(json, configuration);
        WriteTransactions(json, configuration);
        json.WriteString("default_model_filename"u8, Path.GetFileName(entry.Source.Path));
        WriteOwn(json, configuration);
    }

    private static void WritePolicy(Utf8JsonWriter json, VersionPolicy policy)
    {
        json.WriteStartObject("version_policy"u8);
        if (policy.Specific is { } versions)
        {
            json.WriteStartObject("specific"u8);
            json.WriteStartArray("versions"u8);
            foreach (var version in versions)
            {
                json.WriteNumberValue(version);
            }

            json.WriteEndArray();
        }
        else
        {
            json.WriteStartObject(policy.Latest is null ? "all"u8 : "latest"u8);
            if (policy.Latest is { } count)
            {
                json.WriteNumber("num_versions"u8, count);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteTensors(
        Utf8JsonWriter json, ReadOnlySpan<byte> name, TensorMetadata[] tensors, ModelConfiguration configuration)
    {
        json.WriteStartArray(name);
        foreach (var tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("data_type"u8, TensorDeclaration.TypeName(tensor.Type));
            json.WriteStartArray("dims"u8);
            foreach (var dim in tensor.Shape.AsSpan(configuration.MaxBatchSize > 0 ? 1 : 0))
            {
                json.WriteNumberValue(dim);
            }

            json.WriteEndArray();
            var labels = configuration.Outputs.FirstOrDefault(output => output.Name == tensor.Name)?.LabelFilename;
            if (labels is { Length: > 0 })
            {
                json.WriteString("label_filename"u8, labels);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteInstances(Utf8JsonWriter json, ModelConfiguration configuration)
    {
        json.WriteStartArray("instance_group"u8);
        json.WriteStartObject();
        json.WriteString("kind"u8, "KIND_CPU"u8);
        json.WriteNumber("count"u8, configuration.Instances);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteTransactions(Utf8JsonWriter json, ModelConfiguration configuration)
    {
        if (configuration.Sequence is { } sequence)
        {
            json.WritePropertyName("sequence_batching"u8);
            JsonSerializer.Serialize(json, sequence, ModelConfigurationJson.Default.SequenceConfiguration);
        }

        json.WriteStartObject("model_transaction_policy"u8);
        json.WriteBoolean("decoupled"u8, configuration.Iteration is not null);
        json.WriteEndObject();
    }

    /// <summary>What only this server knows, as the parameters that the form has for it.</summary>
    private static void WriteOwn(Utf8JsonWriter json, ModelConfiguration configuration)
    {
        (string Name, string Value)[] own =
        [
            ("class", MetricsPage.NameOf(configuration.Class)), ("priority", $"{configuration.Priority}"),
            ("other_class_instances", $"{configuration.OtherClassInstances}"),
            ("queue_capacity", $"{configuration.QueueCapacity}"), ("max_body_bytes", $"{configuration.MaxBodyBytes}"),
            ("objective_ms", configuration.ObjectiveMs.ToString(CultureInfo.InvariantCulture)),
            ("expected_rate", configuration.ExpectedRate.ToString(CultureInfo.InvariantCulture)),
            ("devices", string.Join(',', configuration.Devices)),
            ("defer_batches", configuration.DeferBatches ? "true" : "false"),
            ("when_late", configuration.WhenLate == LateRequests.Serve ? "serve" : "drop"),
        ];
        json.WriteStartObject("parameters"u8);
        foreach (var (name, value) in own)
        {
            json.WriteStartObject(name);
            json.WriteString("string_value"u8, value);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
