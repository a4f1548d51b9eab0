using System.CommandLine;

namespace Atoll;

/// <summary>`atoll bench NAME`: the measurements behind every number that the documentation states.</summary>
internal static class BenchCommand
{
    public static Command Create(TimeProvider clock) =>
        new("bench", "Measure this machine: preemption, sharing, peers, serving, models, HTTP.")
    {
        PreemptCommand.Create(clock),
        DisbCommand.Create(clock),
        PeerSharingCommand.Create(clock),
        ServingCommand.Create(clock),
        ModelsBenchCommand.Create(clock),
        ColdLoad.Create(clock),
        PrefixCommand.Create(clock),
        PlanBenchCommand.Create(clock),
        SimulatedBenchCommand.Create(clock),
        HttpBenchCommand.Create(clock),
    };
}
