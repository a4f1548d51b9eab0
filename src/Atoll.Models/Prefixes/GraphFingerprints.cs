using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Atoll.Models;

/// <summary>
/// SHA-256 of how each value of a graph is computed: operators, attributes, weights and graph inputs, but no names. Two
/// values with one fingerprint, of one graph or of two, are equal for equal inputs.
/// </summary>
public sealed class GraphFingerprints
{
    private static long _bodies;

    private readonly Dictionary<GraphValue, string> _values = new(ReferenceEqualityComparer.Instance);

    private GraphFingerprints()
    {
    }

    /// <summary>Fingerprints of all values; graph inputs are told apart by position, type and shape.</summary>
    public static GraphFingerprints Of(Graph graph)
    {
        var prints = new GraphFingerprints();
        foreach (var (position, input) in graph.Inputs.Index())
        {
            prints._values[input] = Hash($"input {position} {input.Type} {Text(input.Shape)}");
        }

        foreach (var node in graph.Nodes)
        {
            var computed = prints.OfNode(node);
            foreach (var (position, output) in node.Outputs.Index())
            {
                if (output is not null)
                {
                    prints._values[output] = Hash($"{computed} output {position}");
                }
            }
        }

        return prints;
    }

    /// <summary>The fingerprint of a value of the graph, 64 hexadecimal digits.</summary>
    public string this[GraphValue value] =>
        _values.TryGetValue(value, out var known) ? known : _values[value] = OfConstant(value);

    /// <summary>One fingerprint for several in this order.</summary>
    internal static string OfAll(IEnumerable<string> prints) => Hash(string.Join(' ', prints));

    private string OfNode(GraphNode node)
    {
        var text = new StringBuilder($"{node.Domain} {node.Operator} {node.Opset} outputs {node.Outputs.Count}");
        foreach (var input in node.Inputs)
        {
            text.Append(' ').Append(input is null ? "absent" : this[input]);
        }

        foreach (var name in node.Attributes.Names.Order(StringComparer.Ordinal))
        {
            text.Append(' ').Append(name).Append('=').Append(OfAttribute(node.Attributes.Raw(name)!));
        }

        return Hash(text.ToString());
    }

    private static string OfAttribute(object value) => value switch
    {
        string text => $"s{text.Length}:{text}",
        Tensor tensor => TensorFingerprint.Of(tensor),
        Graph => OfBody(),
        float number => $"f{BitConverter.SingleToUInt32Bits(number)}",
        Array many => $"[{string.Join(' ', many.Cast<object>().Select(OfAttribute))}]",
        _ => FormattableString.Invariant($"{value}"),
    };

    /// <summary>
    /// A body may read values of the graph around it, which its own hash would miss: it equals nothing.
    /// </summary>
    private static string OfBody() => $"body {Interlocked.Increment(ref _bodies)}";

    private static string OfConstant(GraphValue value) => value.Constant is { } tensor
        ? TensorFingerprint.Of(tensor)
        : throw new ArgumentException($"value '{value.Name}' is not of this graph");

    private static string Text(long[]? shape) => shape is null ? "?" : string.Join(',', shape);

    private static string Hash(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan())));
}
