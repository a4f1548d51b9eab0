using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Activations as attributes of fused nodes: which nodes are one, and how it is written and read back.
/// </summary>
internal static class FusedActivation
{
    public const string KindName = "activation";
    private const string AlphaName = "activation_alpha";
    private const string BetaName = "activation_beta";

    /// <summary>The activation that a one-input node computes, or null.</summary>
    public static Activation? Of(GraphNode node)
    {
        var attributes = node.Attributes;
        if (node.IsFused("Silu"))
        {
            return new(ActivationKind.Silu);
        }

        return node.Domain.Length != 0 || node.In(0)?.Type != ElementType.Float32 ? null : node.Operator switch
        {
            "Relu" => Activation.Relu,
            "Clip" => OfClip(node),
            "Sigmoid" => new(ActivationKind.Sigmoid),
            "Tanh" => new(ActivationKind.Tanh),
            "LeakyRelu" => new(ActivationKind.LeakyRelu, attributes.Float("alpha", 0.01f)),
            "HardSigmoid" => new(ActivationKind.HardSigmoid, attributes.Float("alpha", 0.2f),
                attributes.Float("beta", 0.5f)),
            "HardSwish" => new(ActivationKind.HardSwish),
            "Elu" => new(ActivationKind.Elu, attributes.Float("alpha", 1)),
            "Gelu" => new(attributes.Text("approximate", "none") == "tanh" ? ActivationKind.GeluTanh
                : ActivationKind.Gelu),
            _ => null,
        };
    }

    /// <summary>The activation of a fused node; none where it has none.</summary>
    public static Activation Read(GraphNode node, string prefix = "") => new(
        (ActivationKind)node.Attributes.Int(prefix + KindName), node.Attributes.Float(prefix + AlphaName),
            node.Attributes.Float(prefix + BetaName));

    public static void Write(GraphNode node, Activation activation, string prefix = "")
    {
        node.Attributes.Set(prefix + KindName, (long)activation.Kind);
        node.Attributes.Set(prefix + AlphaName, activation.Alpha);
        node.Attributes.Set(prefix + BetaName, activation.Beta);
    }

    private static Activation? OfClip(GraphNode node)
    {
        var low = Bound(node, 1, "min", float.MinValue);
        var high = Bound(node, 2, "max", float.MaxValue);
        return low is { } l && high is { } h && l <= h ? new Activation(ActivationKind.Clip, l, h) : null;
    }

    private static float? Bound(GraphNode node, int input, string attribute, float missing) =>
        node.In(input) is { } value ? value.Scalar() : node.Attributes.Float(attribute, missing);
}
