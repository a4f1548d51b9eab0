using System.Text.Json.Serialization;

namespace Atoll;

/// <summary>The one JSON form of all benchmarks: snake_case names with the unit in them.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(PreemptReport))]
[JsonSerializable(typeof(DisbReport))]
[JsonSerializable(typeof(PeerSharingReport))]
[JsonSerializable(typeof(ModelsReport))]
[JsonSerializable(typeof(PlanBenchReport))]
[JsonSerializable(typeof(PrefixReport))]
[JsonSerializable(typeof(PrefixServingReport))]
[JsonSerializable(typeof(HttpReport))]
[JsonSerializable(typeof(OrtRun))]
[JsonSerializable(typeof(ServingReport))]
[JsonSerializable(typeof(SimulatedReport))]
internal sealed partial class BenchJson : JsonSerializerContext
{
    /// <summary>One line that says what was measured on.</summary>
    public static string Machine => $"{MachineInfo.Processor}, {Environment.ProcessorCount} CPUs, " +
        $"{System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription}";
}
