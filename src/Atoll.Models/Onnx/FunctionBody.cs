using Atoll.Models.Onnx;
using Google.Protobuf.Collections;

namespace Atoll.Models;

/// <summary>
/// One call of a function: its parameters stand for the caller's tensors, all its other names get a prefix of the call.
/// </summary>
internal sealed class FunctionBody
{
    private readonly Dictionary<string, string> _names = [];
    private readonly Dictionary<string, AttributeProto> _attributes = [];
    private readonly List<(string From, string To)> _copies = [];
    private readonly string _prefix;

    public FunctionBody(FunctionProto function, NodeProto call, string prefix)
    {
        _prefix = prefix;
        if (call.Input.Count > function.Input.Count || call.Output.Count > function.Output.Count)
        {
            throw new ModelException(ModelError.InvalidGraph,
                $"node '{call.Name}' has more inputs or outputs than function '{function.Name}'");
        }

        foreach (var (index, name) in function.Input.Index())
        {
            _names[name] = index < call.Input.Count ? call.Input[index] : "";
        }

        foreach (var (name, wanted) in function.Output.Zip(call.Output).Where(pair => pair.Second.Length > 0))
        {
            // An output may be an input, or twice the same: then it is copied.
            if (!_names.TryAdd(name, wanted))
            {
                _copies.Add((_names[name], wanted));
            }
        }

        foreach (var attribute in function.AttributeProto.Concat(call.Attribute))
        {
            _attributes[attribute.Name] = attribute;
        }
    }

    public NodeProto Instantiate(NodeProto node)
    {
        var made = node.Clone();
        made.Name = _prefix + node.Name;
        Rename(made.Input);
        Rename(made.Output);
        foreach (var attribute in made.Attribute.Where(a => a.G is not null))
        {
            Rename(attribute.G);
        }

        var attributes = made.Attribute.Select(Resolve).OfType<AttributeProto>().ToList();
        made.Attribute.Clear();
        made.Attribute.AddRange(attributes);
        return made;
    }

    /// <summary>Nodes that give outputs which another name has already.</summary>
    public IEnumerable<NodeProto> Copies() => _copies.Select((copy, i) => new NodeProto
    {
        Name = $"{_prefix}output{i}", OpType = "Identity", Input = { copy.From }, Output = { copy.To },
    });

    /// <summary>A reference to an attribute that the caller leaves out is left out too.</summary>
    private AttributeProto? Resolve(AttributeProto attribute)
    {
        if (attribute.RefAttrName.Length == 0)
        {
            return attribute;
        }

        if (!_attributes.TryGetValue(attribute.RefAttrName, out var given))
        {
            return null;
        }

        var resolved = given.Clone();
        resolved.Name = attribute.Name;
        return resolved;
    }

    private void Rename(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer)
        {
            tensor.Name = Renamed(tensor.Name);
        }

        foreach (var tensor in graph.SparseInitializer.Where(t => t.Values is not null))
        {
            tensor.Values.Name = Renamed(tensor.Values.Name);
        }

        foreach (var value in graph.Input.Concat(graph.Output))
        {
            value.Name = Renamed(value.Name);
        }

        var nodes = graph.Node.Select(Instantiate).ToList();
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
    }

    private void Rename(RepeatedField<string> names)
    {
        for (var i = 0; i < names.Count; i++)
        {
            names[i] = Renamed(names[i]);
        }
    }

    private string Renamed(string name) => name.Length == 0 ? "" : _names.GetValueOrDefault(name, _prefix + name);
}
