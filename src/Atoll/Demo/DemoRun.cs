using Atoll.Devices;
using Atoll.Serving;

namespace Atoll;

/// <summary>
/// The demo from start to report: make models, serve them, drive clients against the server over HTTP in each way of
/// sharing the device, with real-time work alone before and after.
/// </summary>
internal sealed class DemoRun(DemoOptions options, ModelServer server, DemoDisplay display, TimeProvider clock)
    : IDisposable
{
    private const int DigitImages = 200;
    private const int RealTimePriority = 1;
    private const int BestEffortPriority = 8;

    // In the order of the paper's comparison; the flag-and-leave form of reset belongs to `bench preempt`.
    private static readonly ShareMode[] Modes =
        [ShareMode.Sequential, ShareMode.MultiStream, ShareMode.Wait, ShareMode.Reset, ShareMode.ResetPadding];

    private readonly DemoSamples _samples = new(options);
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false });
    private readonly List<DemoMeasurement> _measured = [];
    private readonly long _start = clock.GetTimestamp();
    private IReadOnlyList<BestEffortClient> _bestEffort = [];
    private IReadOnlyList<RealTimeClient> _realTime = [];

    public async Task<DemoReport> RunAsync(CancellationToken cancellation)
    {
        await server.Host.StartAsync(cancellation);
        display.Say($"Live page and API: {server.Host.Url}");
        foreach (var name in _samples.Names.Where(name => !_samples.Has(name)))
        {
            await display.StepAsync(
                $"making {name}, width {_samples.WidthOf(name)}", null,
                () => Task.Run(() => _samples.Make(name, cancellation), cancellation), summary => summary);
        }

        await display.StepAsync(
            $"loading {_samples.Names.Count} models", null, () => LoadAsync(cancellation), summary => summary);
        await ConnectAsync(cancellation);
        display.Say("Measuring: real-time p50/p99 and best-effort answers per second");
        return await MeasureAsync(cancellation);
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> LoadAsync(CancellationToken cancellation)
    {
        await Task.Run(() => server.Host.LoadAsync(_samples.Sources(), cancellation), cancellation);
        var failed = server.Host.Models.FirstOrDefault(model => model.State != ModelState.Ready);
        return failed.Name is null
            ? "ready"
            : throw new InvalidOperationException($"model '{failed.Name}' did not load: {failed.Reason}");
    }

    private async Task ConnectAsync(CancellationToken cancellation)
    {
        _http.BaseAddress = server.Host.Url;
        var client = new InferenceClient(_http);
        var pictures = await DemoRequest.RandomAsync(client, DemoOptions.Camera, RealTimePriority, cancellation);
        _realTime =
        [
            new RealTimeClient(
                DemoOptions.Digits, client, DemoRequest.Digits(DigitImages, RealTimePriority), clock)
            {
                Rate = options.DigitRate,
            },
            new RealTimeClient(DemoOptions.Camera, client, [pictures], clock)
            {
                Rate = options.CameraRate,
                Offset = 0.5 / options.DigitRate,
            },
        ];
        var bestEffort = new List<BestEffortClient>();
        foreach (var name in _samples.Names.Where(name => name != DemoOptions.Digits))
        {
            var request = await DemoRequest.RandomAsync(client, name, BestEffortPriority, cancellation);
            bestEffort.Add(new BestEffortClient(name, client, request));
        }

        _bestEffort = bestEffort;
    }

    private async Task<DemoReport> MeasureAsync(CancellationToken cancellation)
    {
        var alone = await PhaseAsync("real-time alone", ShareMode.ResetPadding, _realTime, [], cancellation);
        var bestEffort = await PhaseAsync("best-effort alone", ShareMode.ResetPadding, [], _bestEffort, cancellation);
        var shared = new List<DemoMeasurement>();
        foreach (var mode in Modes)
        {
            var name = ShareModeNames.NameOf(mode);
            shared.Add(await PhaseAsync(name, mode, _realTime, _bestEffort, cancellation));
        }

        var again = await PhaseAsync("real-time alone again", ShareMode.ResetPadding, _realTime, [], cancellation);
        var rate = bestEffort.BestEffortRate;
        return Report(new()
        {
            Machine = BenchJson.Machine,
            Units = server.Device.Units,
            SchedulingRights = server.Device.Rights == SchedulingRights.Full ? "full" : "plain",
            PhaseSeconds = options.PhaseSeconds,
            TotalSeconds = Math.Round(clock.GetElapsedTime(_start).TotalSeconds, 1),
            Models = [.. _samples.Names.Select(Describe)],
            RealTimeAlone = DemoMeasurement.Row("alone", [alone, again], rate),
            NoiseMeanIncrease = Math.Round((again.MeanMs / alone.MeanMs) - 1, 4),
            BeAloneRps = Math.Round(rate, 2),
            Rows = [.. shared.Zip(Modes).Select(pair =>
                DemoMeasurement.Row(ShareModeNames.NameOf(pair.Second), [pair.First], rate))],
        });
    }

    private Task<DemoMeasurement> PhaseAsync(
        string title, ShareMode mode, IReadOnlyList<RealTimeClient> realTime,
        IReadOnlyList<BestEffortClient> bestEffort, CancellationToken cancellation)
    {
        var phase = new DemoPhase(server.Device, realTime, bestEffort, clock);
        return display.StepAsync(
            title, TimeSpan.FromSeconds(options.PhaseSeconds),
            async () =>
            {
                var measured = await phase.RunAsync(mode, options.PhaseSeconds, cancellation);
                _measured.Add(measured);
                return measured;
            },
            measured => measured.Summary());
    }

    private DemoReport Report(DemoReport report)
    {
        var samples = _measured.SelectMany(phase => phase.RealTime).ToArray();
        return report with
        {
            DigitsDrawn = samples.Sum(client => client.Drawn),
            DigitsRecognised = samples.Sum(client => client.Recognised),
            Answers = samples.Sum(client => client.LatenciesMs.Count) + _bestEffort.Sum(client => client.Answered),
            AnswersChanged = samples.Sum(client => client.Changed) + _bestEffort.Sum(client => client.Changed),
        };
    }

    private DemoModel Describe(string name)
    {
        string[] classes = name switch
        {
            DemoOptions.Digits => ["real_time"],
            DemoOptions.Camera => ["real_time", "best_effort"],
            _ => ["best_effort"],
        };
        return new DemoModel(name, _samples.WidthOf(name), _samples.FileMb(name), classes);
    }
}
