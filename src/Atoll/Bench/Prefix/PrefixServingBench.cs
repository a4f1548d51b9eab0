using Atoll.Devices;
using Atoll.Serving;

namespace Atoll;

/// <summary>
/// Variants of one backbone behind a server's sessions, once with prefixes shared and once apart, on one device. Each
/// variant has clients that ask again when they are answered; rounds of the two ways alternate.
/// </summary>
internal sealed class PrefixServingBench(PrefixOptions options, TimeProvider clock, Action<string> progress)
{
    /// <summary>What each variant's configuration says, shared or not.</summary>
    private const int MaxBatch = 8;

    /// <summary>Answers of each client in one round.</summary>
    private const int Asks = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public async Task<PrefixServingReport> RunAsync(CancellationToken cancellation)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = options.Units, Clock = clock });
        await using var shared = new ServedVariants(device, clock, new SessionDirectorOptions().PrefixShare);
        await shared.LoadAsync(options, MaxBatch, progress, cancellation);
        await using var apart = new ServedVariants(device, clock, share: 0);
        await apart.LoadAsync(options, MaxBatch, progress, cancellation);
        if (shared.Prefixes is not [_])
        {
            throw new UsageException($"the variants of '{options.Model}' do not share one prefix");
        }

        var rows = new List<PrefixRow>();
        foreach (var requests in options.RequestsPerVariant)
        {
            rows.Add(await MeasureAsync(requests, apart, shared, cancellation));
        }

        return new PrefixServingReport
        {
            Machine = BenchJson.Machine,
            Model = options.Model,
            Variants = options.Variants,
            Units = device.Units,
            Repetitions = options.Repetitions,
            ApartMb = apart.ResidentBytes / 1e6,
            SharedMb = shared.ResidentBytes / 1e6,
            MaxRelativeError = await DifferenceAsync(apart, shared, cancellation),
            Rows = rows,
        };
    }

    private async Task<PrefixRow> MeasureAsync(
        int requests, ServedVariants apart, ServedVariants shared, CancellationToken cancellation)
    {
        var (apartRates, sharedRates) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Repetitions; round++)
        {
            progress($"{requests} per variant: round {round + 1} of {options.Repetitions}");
            apartRates.Add(await RateAsync(apart, requests, cancellation));
            sharedRates.Add(await RateAsync(shared, requests, cancellation));
        }

        return new PrefixRow
        {
            RequestsPerVariant = requests,
            ApartRps = Percentiles.Median(apartRates),
            SharedRps = Percentiles.Median(sharedRates),
            Gain = Percentiles.Median(sharedRates.Zip(apartRates, (fast, slow) => fast / slow)),
        };
    }

    private async Task<double> RateAsync(ServedVariants served, int clients, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, options.Variants * clients).Select(async client =>
        {
            for (var i = 0; i < Asks; i++)
            {
                await served.AnswerAsync(client % options.Variants, client, cancellation);
            }
        })).WaitAsync(Patience, clock, cancellation);
        return options.Variants * clients * Asks / clock.GetElapsedTime(began).TotalSeconds;
    }

    private async Task<double> DifferenceAsync(
        ServedVariants apart, ServedVariants shared, CancellationToken cancellation)
    {
        var (worst, largest) = (0f, 0f);
        for (var variant = 0; variant < options.Variants; variant++)
        {
            var expected = await apart.AnswerAsync(variant, variant, cancellation);
            var actual = await shared.AnswerAsync(variant, variant, cancellation);
            for (var i = 0; i < expected.Length; i++)
            {
                worst = MathF.Max(worst, MathF.Abs(expected[i] - actual[i]));
                largest = MathF.Max(largest, MathF.Abs(expected[i]));
            }
        }

        return worst / largest;
    }
}
