namespace Atoll.Serving.Tests;

public sealed class PlanFileReaderTests
{
    private const string Good = """
        devices:
          - {kind: gpu, count: 4, memory_mb: 100}
        profiles:
          - {model: m, linear: {alpha_ms: 1, beta_ms: 5}}
        sessions:
          - {name: s, model: m, objective_ms: 100, rate: 20}
        """;

    [Fact]
    public void Everything_that_can_be_written_is_read()
    {
        var file = Read("""
            devices:
              - {kind: big, count: 2, memory_mb: 100}
              - {kind: small, count: 3}
            profiles:
              - {model: m, device: big, margin: 1.15, preprocess_ms: 1, weights_mb: 10, points: [[1, 5], [4, 8, 1, 20]]}
              - {model: m, device: small, points_only: true, points: [[2, 9]]}
              - {model: huge, stages: [{name: x, linear: {alpha_ms: 1, beta_ms: 2}}, {name: y, points: [[1, 4]]}]}
            sessions:
              - {name: s, model: m, objective_ms: 100, rate: 2.5, pinned: big-1, backups: 2}
              - {name: t, model: huge, objective_ms: 50, rate: 1, pinned: [small-0, small-2]}
            queries:
              - name: q
                objective_ms: 300
                rate: 7
                stages:
                  - {name: a, model: m, next: [{stage: b, gamma: 2, probability: 0.5, crops: boxes}]}
                  - {name: b, model: m, join: any}
            options: {max_occupancy: 0.9, deal: requests, replan_slack: 1.2, network_ms: 3}
            arrivals: {anything: [1, 2]}
            """);
        Assert.Equal([new DeviceKind("big", 2, 100 << 20), new DeviceKind("small", 3)], file.Devices);
        Assert.Equal(["m", "m", "huge:x", "huge:y"], file.Profiles.Select(profile => profile.Model));
        Assert.Equal((8 + 1) * 1.15, file.Profiles[0].Latency(4).TotalMilliseconds, 6);
        Assert.Equal(20 << 20, file.Profiles[0].Memory(4));
        Assert.Equal(10 << 20, file.Profiles[0].Options.WeightBytes);
        Assert.Equal([2], file.Profiles[1].Batches.ToArray());
        Assert.Equal(["huge:x", "huge:y"], file.Partitions.Single().StageModels);
        Assert.Equal(["big-1"], file.Sessions[0].Pinned);
        Assert.Equal((2, 2.5), (file.Sessions[0].Backups, file.Sessions[0].Rate));
        Assert.Equal(["small-0", "small-2"], file.Sessions[1].Pinned);
        var edge = Assert.Single(file.Queries[0].Edges);
        Assert.Equal(new QueryEdge("a", "b", 2, 0.5) { Crops = "boxes" }, edge);
        Assert.Equal(StageJoin.Any, file.Queries[0].Stages[1].Join);
        Assert.Equal(
            new PlannerOptions
            {
                MaxOccupancy = 0.9, DealWholeBatches = false, ReplanSlack = 1.2,
                NetworkAllowance = TimeSpan.FromMilliseconds(3),
            },
            file.Options);
        Assert.Equal(2, file.Source.Get("arrivals").Items("anything").Count);
        Assert.Equal(["s", "t", "q/a", "q/b"], file.ToRequest().Sessions.Select(session => session.Name));
    }

    [Fact]
    public void A_profile_file_is_found_beside_the_planning_file()
    {
        var folder = Directory.CreateTempSubdirectory("atoll-plan-");
        try
        {
            using (var writer = new StreamWriter(Path.Combine(folder.FullName, "m.txt")))
            {
                BatchProfileFile.Write(BatchProfile.Linear("other", "else", 1, 5, 8), writer);
            }

            var source =
                YamlSource.Parse(Good.Replace("linear: {alpha_ms: 1, beta_ms: 5}", "file: m.txt"), "plan.yaml");
            var profile = PlanFileReader.Read(source, folder.FullName).Profiles.Single();
            Assert.Equal(("m", "*", 8), (profile.Model, profile.Device, profile.MaxBatch));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("rate: 20", "rate: -1", 6, "'sessions[0].rate' -1 is not within 0")]
    [InlineData("rate: 20", "rate: many", 6, "'sessions[0].rate' 'many' is not a number")]
    [InlineData("rate: 20", "rat: 20", 6, "'sessions[0].rat' is unknown")]
    [InlineData(", rate: 20", "", 6, "'sessions[0]' needs the key 'rate'")]
    [InlineData("objective_ms: 100", "objective_ms: 0", 6, "'sessions[0].objective_ms' 0 is not within")]
    [InlineData("model: m, objective", "model: x, objective", 6, "'sessions[0].model' 'x' has no profile")]
    [InlineData("rate: 20", "rate: 20, pinned: gpu-4", 6, "'sessions[0].pinned' 'gpu-4' is no device")]
    [InlineData("count: 4", "count: 0", 2, "'devices[0].count' 0 is not within 1")]
    [InlineData("count: 4", "count: 1.5", 2, "'devices[0].count' '1.5' is not a whole number")]
    [InlineData("model: m, linear", "model: m, device: x, linear", 4, "'profiles[0].device' 'x' is no kind")]
    [InlineData("linear: {alpha_ms: 1, beta_ms: 5}", "points: [[2, 5], [1, 6]]", 4, "batch 1 after batch 2")]
    [InlineData("linear: {alpha_ms: 1, beta_ms: 5}", "points: [[2]]", 4, "'profiles[0].points[0]' is not [batch, ms]")]
    [InlineData("linear: {alpha_ms: 1, beta_ms: 5}", "file: none.txt", 4, "'profiles[0].file' profile")]
    [InlineData("linear: {alpha_ms: 1, beta_ms: 5}", "margin: 2", 4, "'profiles[0]' needs one of points, linear, file")]
    [InlineData("devices:", "device:", 1, "'device' is unknown")]
    [InlineData("sessions:", "sessions: {", 5, "line")]
    public void What_is_wrong_is_told_with_line_and_key(string right, string wrong, int line, string told)
    {
        var error = Assert.Throws<ServingException>(() => Read(Good.Replace(right, wrong)));
        Assert.Equal(ServingError.InvalidPlan, error.Error);
        Assert.StartsWith("plan.yaml, line ", error.Message, StringComparison.Ordinal);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.True(
            told == "line" || error.Message.StartsWith($"plan.yaml, line {line}:", StringComparison.Ordinal),
                error.Message);
    }

    [Theory]
    [InlineData("[{name: a, model: m, next: [{stage: b}]}, {name: b, model: m, next: [{stage: a}]}]", "has a cycle: ")]
    [InlineData("[{name: a, model: x}]", "'queries[0].stages[0].model' 'x' has no profile")]
    [InlineData("[{name: a, model: m, join: some}]", "'queries[0].stages[0].join' 'some' is not all or any")]
    [InlineData("[{name: a, model: m, next: [{stage: z}]}]", "no stage 'z'")]
    [InlineData("[]", "0 stages")]
    public void Queries_that_cannot_be_are_told_with_their_line(string stages, string told)
    {
        var error = Assert.Throws<ServingException>(() => Read(
            Good + $"\nqueries:\n  - {{name: q, objective_ms: 100, rate: 1, stages: {stages}}}"));
        Assert.StartsWith("plan.yaml, line 8:", error.Message, StringComparison.Ordinal);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("- 1")]
    [InlineData("a: [")]
    [InlineData("a: 1\na: 2")]
    [InlineData("text")]
    public void A_file_that_is_no_map_is_refused(string text) =>
        Assert.Throws<ServingException>(() => Read(text));

    private static PlanFile Read(string text) => PlanFileReader.Read(YamlSource.Parse(text, "plan.yaml"), "");
}
