using System.CommandLine;
using System.Text.Json;

namespace Atoll;

/// <summary>`atoll doctor`: what this machine offers, what it lacks and what that costs.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var command =
            new Command("doctor", "Print what this machine offers, what is missing and what that costs.") { json };
        command.SetAction(result =>
        {
            var facts = MachineProbe.Read();
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                var report =
                    new { Version = VersionCommand.Read().Version, Machine = facts, Missing = Diagnosis.Of(facts) };
                output.WriteLine(JsonSerializer.Serialize(report, JsonText.Indented));
            }
            else
            {
                Print(facts, output);
            }
        });
        return command;
    }

    private static void Print(MachineFacts facts, TextWriter output)
    {
        foreach (var (name, value) in Lines(facts))
        {
            output.WriteLine($"{name,-12} {value}");
        }

        var findings = Diagnosis.Of(facts);
        output.WriteLine();
        output.WriteLine(findings.Count == 0 ? "Nothing is missing." : "Missing:");
        foreach (var finding in findings)
        {
            output.WriteLine($"  {finding.Missing}");
            output.WriteLine($"    cost:   {finding.Cost}");
            output.WriteLine($"    remedy: {finding.Remedy}");
        }
    }

    private static IEnumerable<(string Name, string Value)> Lines(MachineFacts facts)
    {
        var may = facts.Scheduling;
        var quota = facts.CpuQuota is { } cpus ? $"quota {cpus:0.##} CPUs" : "no quota";
        yield return ("system", $"{facts.System}, {facts.Architecture}");
        yield return ("cpu", facts.CpuModel ?? "unknown");
        yield return ("vectors", $"AVX2 {Word(facts.HasAvx2)}, AVX-512 {Word(facts.HasAvx512)}, " +
            $"products of bytes by {facts.ByteProducts}");
        yield return ("cpus", $"{facts.CpusAllowed} allowed of {facts.CpusOfMachine}, {quota}");
        yield return ("memory", $"{facts.MemoryAllowedGib:0.0} GiB allowed of {facts.MemoryGib:0.0} GiB");
        yield return ("scheduling",
            $"SCHED_FIFO {Word(may.MayUseFifo)}, SCHED_IDLE {Word(may.MayUseIdle)} and back " +
                $"{Word(may.MayLeaveIdle)}");
        yield return ("fifo limit",
            may.RtRuntimeUs is null ? "unknown" : $"{may.RtRuntimeUs} us of each {may.RtPeriodUs} us");
    }

    private static string Word(bool has) => has ? "yes" : "no";
}
