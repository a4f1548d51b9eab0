using System.Reflection;
using System.Runtime.CompilerServices;

namespace Atoll.Devices;

/// <summary>
/// Compiles the device's own code before the first launch, or the first preemption would wait for the compiler.
/// </summary>
internal static class CompiledPaths
{
    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static |
        BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Type[] Types =
    [
        typeof(ComputeUnit), typeof(CpuStream), typeof(CpuDevice), typeof(UnitContext), typeof(ThreadParking),
            typeof(UnitCalls),
        typeof(DeviceStreams), typeof(StreamQueues), typeof(Eviction),
        typeof(ClaimWord), typeof(DeviceQueue), typeof(LeftBlocks), typeof(RealTimeGate), typeof(Launch),
            typeof(LatencyHistogram),
        typeof(PreemptionStatistics), typeof(UnitTimeline), typeof(ThreadScheduling), typeof(PaddingGuard),
    ];

    public static void Prepare()
    {
        foreach (var method in Types.SelectMany(t => t.GetMethods(Declared)))
        {
            if (!method.IsAbstract && !method.ContainsGenericParameters)
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
        }
    }
}
