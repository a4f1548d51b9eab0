using System.Net;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>A running sum: OUTPUT = INPUT + the state, which starts at zero.</summary>
public sealed class SequenceTests : IDisposable
{
    private const string Configuration = """
        {"max_batch_size":8,"sequence_batching":{"max_sequence_idle_microseconds":1000,"max_sequences":2,
        "control_input":[
          {"name":"START","control":[{"kind":"CONTROL_SEQUENCE_START","int32_false_true":[0,1]}]},
          {"name":"END","control":[{"kind":"CONTROL_SEQUENCE_END","int32_false_true":[0,1]}]},
          {"name":"READY","control":[{"kind":"CONTROL_SEQUENCE_READY","int32_false_true":[0,1]}]},
          {"name":"ID","control":[{"kind":"CONTROL_SEQUENCE_CORRID"}]}],
        "state":[{"input_name":"STATE_IN","output_name":"STATE_OUT","data_type":"TYPE_INT32","dims":[1]}]}}
        """;

    private readonly ManualClock _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _clock.Dispose();

    [Fact]
    public async Task State_is_kept_apart_for_each_sequence_and_ends_with_it()
    {
        await using var server = await ServeAsync();

        Assert.Equal(5, await SumAsync(server, "1", 5, "start"));
        Assert.Equal(100, await SumAsync(server, "2", 100, "start"));
        Assert.Equal(12, await SumAsync(server, "1", 7));
        Assert.Equal(101, await SumAsync(server, "2", 1));
        Assert.Equal(13, await SumAsync(server, "1", 1, "end"));
        Assert.Contains("must specify the START flag", await RefusalAsync(server, "1", 1));
        Assert.Equal(3, await SumAsync(server, "1", 3, "start"));
        Assert.Equal(4, await SumAsync(server, "1", 4, "start"));
    }

    [Fact]
    public async Task Controls_tell_start_end_and_number()
    {
        await using var server = await ServeAsync();

        var start = await InferAsync(server, "7", 1, "start");
        var end = await InferAsync(server, "7", 1, "end");

        Assert.Equal("[1,0,1,7]", start.Json.GetProperty("outputs")[1].GetProperty("data").GetRawText());
        Assert.Equal("[0,1,1,7]", end.Json.GetProperty("outputs")[1].GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Clients_see_neither_state_nor_controls()
    {
        await using var server = await ServeAsync();

        var (_, json) = await server.GetAsync("/v2/models/m");

        Assert.Equal("""[{"name":"INPUT","datatype":"INT32","shape":[-1,1]}]""",
            json.GetProperty("inputs").GetRawText());
        Assert.Equal(["OUTPUT", "SEEN"], json.GetProperty("outputs").EnumerateArray().Select(
            output => output.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Idle_sequences_are_forgotten_and_their_number_is_bounded()
    {
        await using var server = await ServeAsync();
        await SumAsync(server, "1", 5, "start");
        await SumAsync(server, "2", 5, "start");

        var full = await InferAsync(server, "3", 5, "start");
        _clock.Advance(2000);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, full.Status);
        Assert.Contains("2 sequences are open (setting max_sequences", full.Json.GetProperty("error").GetString());
        Assert.Equal(6, await SumAsync(server, "3", 6, "start"));
        Assert.Contains("must specify the START flag", await RefusalAsync(server, "1", 1));
    }

    [Fact]
    public async Task Requests_of_one_sequence_run_in_order()
    {
        await using var server = await ServeAsync();
        await SumAsync(server, "1", 0, "start");

        var sums = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => SumAsync(server, "1", 1)));

        Assert.Equal(Enumerable.Range(1, 40), sums.Order());
    }

    [Fact]
    public async Task What_comes_behind_an_end_that_has_not_run_yet_is_refused_unless_it_starts_anew()
    {
        var configuration = new SequenceConfiguration { MaxSequences = 2 };
        var book = new SequenceBook("m", configuration, [], _clock);
        static SequenceStep Step(bool start = false, bool end = false) => new(7, "", start, end);
        var (first, _) = await book.EnterAsync(Step(start: true), Token);
        var end = book.EnterAsync(Step(end: true), Token).AsTask();

        var (none, refusal) = await book.EnterAsync(Step(), Token);
        var again = book.EnterAsync(Step(start: true), Token).AsTask();
        var within = book.EnterAsync(Step(), Token).AsTask();

        Assert.Null(none);
        Assert.Equal(InferenceStatus.Rejected, refusal.Status);
        Assert.Contains("must specify the START flag", refusal.Reason);
        first!.Leave();
        (await end).Turn!.Leave();
        (await again).Turn!.Leave();
        (await within).Turn!.Leave();
        Assert.Equal(1, book.Count);
    }

    [Fact]
    public async Task Request_whose_deadline_passes_while_it_waits_for_its_turn_ends_late()
    {
        var model = new FakeModel(FakeModel.Describe("m", ElementType.Float32, 1)) { Gated = true };
        var configuration = new ModelConfiguration { Sequence = new SequenceConfiguration() };
        var entry = new ModelEntry(new ModelSource("m", "1", "fake", null), _clock);
        entry.Succeed(BoundModel.Bind(model, configuration, _clock), configuration);
        InferenceRequest Request(bool start, long deadline) => new()
        {
            Inputs = [new InputTensor([1], new byte[4])],
            Sequence = new SequenceStep(7, "", start, false),
            Deadline = deadline,
        };
        Assert.True(entry.TryUse());
        var running = entry.InferAsync(Request(true, 0), Token).AsTask();
        await model.BegunAsync();
        using var timeout = new CancellationTokenSource();
        var waiting = entry.InferAsync(Request(false, _clock.GetTimestamp() + 1000), timeout.Token).AsTask();
        _clock.Advance(2000);

        await timeout.CancelAsync();

        Assert.Equal(InferenceStatus.Late, (await waiting).Status);
        model.LetOneGo();
        (await running).Outputs!.Dispose();
        entry.EndUse();
    }

    [Fact]
    public async Task Request_without_a_sequence_is_refused()
    {
        await using var server = await ServeAsync();

        Assert.Contains("must specify a non-zero or non-empty correlation ID", await RefusalAsync(server, "0", 1));
        Assert.Contains("must specify a non-zero or non-empty correlation ID", await RefusalAsync(server, "\"\"", 1));
        Assert.Contains("is not a INT32", await RefusalAsync(server, "\"text\"", 1, "start"));
    }

    private Task<TestServer> ServeAsync()
    {
        TensorMetadata Tensor(string name) => new(name, ElementType.Int32, [-1, 1]);
        var metadata = new ModelMetadata
        {
            Name = "m",
            Inputs = [.. new[] { "INPUT", "START", "END", "READY", "ID", "STATE_IN" }.Select(Tensor)],
            Outputs = [Tensor("OUTPUT"), Tensor("STATE_OUT"), new("SEEN", ElementType.Int32, [-1, 4])],
        };
        return new ScriptedModel(metadata, inputs =>
        {
            var sum = BitConverter.GetBytes(Int(inputs[0]) + Int(inputs[5]));
            return [([1, 1], sum), ([1, 1], sum),
                ([1, 4], [.. inputs[1..5].SelectMany(input => input.Data.ToArray())])];
        }).ServeAsync(Configuration, _clock);
    }

    private static int Int(InputTensor tensor) => BitConverter.ToInt32(tensor.Data.Span);

    private static Task<(HttpStatusCode Status, System.Text.Json.JsonElement Json)> InferAsync(
        TestServer server, string id, int value, string flag = "none") => server.InferAsync("m", $$"""
            {"parameters":{"sequence_id":{{id}},"sequence_{{(flag == "end" ? "end" : "start")}}":{{(
                flag == "none" ? "false" : "true")}}},
            "inputs":[{"name":"INPUT","shape":[1,1],"datatype":"INT32","data":[{{value}}]}]}
            """);

    private static async Task<int> SumAsync(TestServer server, string id, int value, string flag = "none")
    {
        var (status, json) = await InferAsync(server, id, value, flag);
        Assert.True(status == HttpStatusCode.OK, json.GetRawText());
        return json.GetProperty("outputs")[0].GetProperty("data")[0].GetInt32();
    }

    private static async Task<string> RefusalAsync(TestServer server, string id, int value, string flag = "none")
    {
        var (status, json) = await InferAsync(server, id, value, flag);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        return json.GetProperty("error").GetString()!;
    }
}
