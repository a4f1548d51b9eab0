namespace Atoll.Devices.Tests;

/// <summary>
/// Random submits, cancels and suspensions on random devices, against the plain rules of streams and kernels.
/// </summary>
public class SimulatedPropertyTests
{
    [Fact]
    public void Whatever_happens_blocks_run_once_kernels_in_order_and_streams_in_order()
    {
        for (var seed = 1; seed <= 400; seed++)
        {
            try
            {
                RunStorm(seed);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                throw new InvalidOperationException($"seed {seed}", failure);
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace() => Assert.Equal(RunStorm(9), RunStorm(9));

    private static string RunStorm(int seed)
    {
        using var storm = new Storm(seed);
        return storm.Run();
    }

    /// <summary>Logs each block that ends, so that order can be checked from the outside.</summary>
    private sealed class LoggingKernel(int launch, int kernel, int blocks, double microseconds,
        List<(int, int, int)> log,
        IReadOnlyList<BufferAccess> accesses) : CpuKernel("k", blocks, accesses)
    {
        public override double EstimatedBlockMicroseconds => microseconds;

        public override void RunBlock(int block, BlockContext context) => log.Add((launch, kernel, block));
    }

    private sealed class Storm : IDisposable
    {
        private readonly Random _random;
        private readonly SimulatedDevice _device;
        private readonly List<(int Launch, int Kernel, int Block)> _log = [];
        private readonly List<Launch> _launches = [];
        private readonly List<int> _ended = [];
        private readonly List<DeviceStream> _streams = [];
        private readonly List<DeviceClient> _clients = [];

        public Storm(int seed)
        {
            _random = new Random(seed);
            _device = new SimulatedDevice(new()
            {
                Units = _random.Next(1, 6),
                Mode = (ShareMode)_random.Next(6),
                YieldMicroseconds = _random.Next(3),
                Nests = _random.Next(2) == 0,
                LaunchMicroseconds = _random.Next(3),
                DeviceQueueCapacity = _random.Next(2) == 0 ? null : _random.Next(1, 5),
                PaddingRule = (PaddingRule)_random.Next(2),
                FlagMicroseconds = _random.Next(6),
            });
            for (var i = 0; i < 4; i++)
            {
                _clients.Add(_device.CreateClient($"c{i}", 1000));
                _streams.Add(_device.CreateStream(new() { Client = _clients[i], Class = (WorkClass)(i % 2) }));
            }
        }

        /// <summary>Runs the storm, checks the rules, and returns the trace.</summary>
        public string Run()
        {
            for (var step = 0; step < 40; step++)
            {
                Act();
                _device.RunFor(TimeSpan.FromMicroseconds(_random.Next(60)));
            }

            _clients.ForEach(c => c.Resume());
            _device.RunUntilIdle();
            Check();
            return string.Join(' ', _log) + string.Join(' ', _launches.Select(l => (l.StartedAt, l.EndedAt, l.Status)));
        }

        public void Dispose() => _device.Dispose();

        private void Act()
        {
            switch (_random.Next(8))
            {
                case 0 when _launches.Count > 0:
                    _launches[_random.Next(_launches.Count)].Cancel();
                    break;
                case 1:
                    _clients[_random.Next(_clients.Count)].Suspend();
                    break;
                case 2:
                    _clients[_random.Next(_clients.Count)].Resume();
                    break;
                default:
                    Submit();
                    break;
            }
        }

        private void Submit()
        {
            var index = _launches.Count;
            BufferAccess[] adds = [new(_device.Allocate(8), 0, 8, AccessKind.Accumulate)];
            var kernels = Enumerable.Range(0, _random.Next(1, 5)).Select(k => new LoggingKernel(
                index, k, _random.Next(1, 12), _random.Next(1, 40), _log, _random.Next(4) == 0 ? adds : [])).ToArray();
            var launch = new Launch(_device.Load("p", kernels))
            {
                OnEnded = _ => _ended.Add(index),
                State = _random.Next(4),
            };
            _launches.Add(launch);
            Assert.Equal(SubmitResult.Accepted, _streams[(int)launch.State].Submit(launch));
        }

        private void Check()
        {
            Assert.Equal(_log.Count, _log.Distinct().Count());
            Assert.Equal(Enumerable.Range(0, _launches.Count), _ended.Order());
            for (var i = 0; i < _launches.Count; i++)
            {
                var mine = _log.Where(entry => entry.Launch == i).ToList();
                Assert.Equal(mine.Select(e => e.Kernel).Order(), mine.Select(e => e.Kernel));
                var whole = _launches[i].Program.Kernels.Sum(k => k.Blocks);
                Assert.True(_launches[i].Status is LaunchStatus.Completed or LaunchStatus.Cancelled,
                    $"{_launches[i].Status}");
                Assert.True(_launches[i].Status == LaunchStatus.Completed ? mine.Count == whole : mine.Count <= whole);
            }

            foreach (var stream in Enumerable.Range(0, 4))
            {
                var completed = _ended.Where(i => (int)_launches[i].State! == stream &&
                    _launches[i].Status == LaunchStatus.Completed).ToList();
                Assert.Equal(completed.Order(), completed);
            }
        }
    }
}
