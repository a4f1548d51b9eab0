using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// The programs of one hybrid instance that lie on the device, with their launches; the least recently used goes.
/// </summary>
internal sealed class IslandInstances(Device device, DeviceClient client, int capacity) : IDisposable
{
    private readonly LinkedList<(StagePlan Plan, ModelInstance Instance, Launch Launch)> _islands = [];

    /// <summary>The program of the plan's island, loaded when it is not there.</summary>
    /// <exception cref="ModelException">A kernel cannot be made for these shapes.</exception>
    /// <exception cref="DeviceException">No memory for it.</exception>
    public (ModelInstance Instance, Launch Launch) Get(StagePlan plan)
    {
        for (var place = _islands.First; place is not null; place = place.Next)
        {
            if (place.Value.Plan == plan)
            {
                _islands.Remove(place);
                _islands.AddFirst(place);
                return (place.Value.Instance, place.Value.Launch);
            }
        }

        if (_islands.Count >= capacity)
        {
            _islands.Last!.Value.Instance.Dispose();
            _islands.RemoveLast();
        }

        var instance = new ModelInstance(null, plan.Island!, plan.Owner.Weights(device, client), client);
        var launch = new Launch(instance.Program) { OnEnded = End };
        _islands.AddFirst((plan, instance, launch));
        return (instance, launch);
    }

    public void Dispose()
    {
        foreach (var (_, instance, _) in _islands)
        {
            instance.Dispose();
        }

        _islands.Clear();
    }

    private static void End(Launch launch) => ((TaskCompletionSource)launch.State!).SetResult();
}
