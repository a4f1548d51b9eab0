using Atoll.Devices;

namespace Atoll;

/// <summary>Sends the requests of all clients from one thread, each at its time.</summary>
internal static class ServingPhase
{
    /// <summary>Longest wait for the last answers.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <returns>What the machine did beside.</returns>
    /// <exception cref="InvalidOperationException">Requests were never answered.</exception>
    public static MachineLoad Run(IReadOnlyList<ServingClient> clients, TimeProvider clock)
    {
        var machine = new MachineLoad();
        var thread = new Thread(() => Send(clients, machine, clock)) { Name = "bench-serving" };
        thread.Start();
        thread.Join();
        foreach (var client in clients)
        {
            if (!client.Join(Patience))
            {
                throw new InvalidOperationException(
                    $"requests of '{client.Load.Name}' were not answered within {Patience.TotalSeconds} s");
            }
        }

        return machine;
    }

    /// <summary>Arrivals of a Poisson process at this rate, in seconds.</summary>
    public static double[] Poisson(double rate, double seconds, Random random)
    {
        var times = new List<double>();
        for (var time = 0.0; rate > 0 && (time += -Math.Log(1 - random.NextDouble()) / rate) < seconds;)
        {
            times.Add(time);
        }

        return [.. times];
    }

    private static void Send(IReadOnlyList<ServingClient> clients, MachineLoad machine, TimeProvider clock)
    {
        ThreadScheduling.UsePreciseTimers();
        ThreadScheduling.TryFifo(50);
        var order = clients.SelectMany(
            (client, owner) => client.Arrivals.Select((time, index) => (Time: time, Owner: owner, Index: index)))
            .OrderBy(arrival => arrival.Time).ToArray();
        var start = clock.GetTimestamp();
        foreach (var (time, owner, index) in order)
        {
            var ahead = time - clock.GetElapsedTime(start).TotalSeconds;
            if (ahead > 0)
            {
                ThreadScheduling.SleepPrecisely(TimeSpan.FromSeconds(ahead));
            }

            clients[owner].Send(index, start);
            while (time >= machine.OthersMs.Count + 1)
            {
                machine.EndSecond();
            }
        }
    }
}
