namespace Atoll.Models;

/// <summary>
/// Lets equal constants of several graphs be one tensor, so that variants of one backbone hold its weights in host
/// memory once. Keeps nothing alive. Thread-safe.
/// </summary>
public sealed class ConstantPool
{
    /// <summary>Smaller constants are not worth a look-up.</summary>
    private const int LeastBytes = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, WeakReference<Tensor>> _tensors = [];

    /// <summary>Replaces constants of the graph by equal ones that are alive already.</summary>
    public void Share(Graph graph)
    {
        lock (_lock)
        {
            foreach (var value in graph.Nodes.SelectMany(node => node.Inputs).OfType<GraphValue>().Distinct())
            {
                if (value.Constant is { ByteCount: >= LeastBytes } tensor)
                {
                    value.Constant = Shared_NeedsLock(tensor);
                }
            }

            foreach (var (print, _) in _tensors.Where(pair => !pair.Value.TryGetTarget(out _)).ToArray())
            {
                _tensors.Remove(print);
            }
        }
    }

    private Tensor Shared_NeedsLock(Tensor tensor)
    {
        var print = TensorFingerprint.Of(tensor);
        if (_tensors.TryGetValue(print, out var known) && known.TryGetTarget(out var shared))
        {
            return shared;
        }

        _tensors[print] = new WeakReference<Tensor>(tensor);
        return tensor;
    }
}
