namespace Atoll.Tests;

public sealed class MachineProbeTests : IDisposable
{
    private readonly DirectoryInfo _mount = Directory.CreateTempSubdirectory("atoll-cgroup");

    public void Dispose() => _mount.Delete(recursive: true);

    [Fact]
    public void This_machine_has_cpus_and_memory()
    {
        var facts = MachineProbe.Read();

        Assert.InRange(facts.CpusAllowed, 1, facts.CpusOfMachine);
        Assert.InRange(facts.MemoryAllowedGib, 0.1, facts.MemoryGib + 0.1);
    }

    [Fact]
    public void The_least_quota_of_the_group_and_those_above_it_holds()
    {
        Write("slice/unit/cpu.max", "200000 100000");
        Write("slice/cpu.max", "150000 100000");
        Write("cpu.max", "max 100000");

        Assert.Equal(1.5, MachineProbe.CpuQuota(_mount.FullName, ["0::/slice/unit"]));
    }

    [Fact]
    public void A_quota_of_version_1_is_read_from_the_cpu_controller()
    {
        Write("cpu/cpu.cfs_quota_us", "50000");
        Write("cpu/cpu.cfs_period_us", "100000");

        Assert.Equal(0.5, MachineProbe.CpuQuota(_mount.FullName, ["4:memory:/x", "1:cpu,cpuacct:/docker/abc"]));
    }

    [Theory]
    [InlineData("max 100000")]
    [InlineData("")]
    public void No_quota_is_none(string text)
    {
        Write("cpu.max", text);

        Assert.Null(MachineProbe.CpuQuota(_mount.FullName, ["0::/"]));
        Assert.Null(MachineProbe.CpuQuota(_mount.FullName, []));
    }

    private void Write(string path, string text)
    {
        var file = new FileInfo(Path.Combine(_mount.FullName, path));
        file.Directory!.Create();
        File.WriteAllText(file.FullName, text + "\n");
    }
}
