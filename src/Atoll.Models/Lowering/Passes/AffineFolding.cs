namespace Atoll.Models;

/// <summary>
/// Folds per-channel affine maps (batch normalization, Mul and Add by constants) into the weights of the convolution or
/// matrix product before them, or into an unpadded convolution behind them. Weights are folded in double precision.
/// </summary>
internal sealed class AffineFolding : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (ChannelAffine.Of(node) is not { } affine)
        {
            return false;
        }

        return TryFoldIntoProducer(node, affine, editor) || TryFoldIntoReader(node, affine, editor);
    }

    private static bool TryFoldIntoProducer(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        if (affine.Input.Producer is not { } producer || !ReferenceEquals(editor.OnlyReader(affine.Input), node) ||
            !FoldableWeights.IsFoldable(producer))
        {
            return false;
        }

        var folded = FoldableWeights.ScaleOutputs(producer, affine, editor);
        if (folded is null)
        {
            return false;
        }

        folded.Outputs[0] = node.Outputs[0];
        editor.Replace([producer, node], folded);
        return true;
    }

    private static bool TryFoldIntoReader(GraphNode node, ChannelAffine affine, GraphEditor editor)
    {
        if (editor.OnlyReader(node.Out()) is not { } reader || !reader.Is("Conv") ||
            !ReferenceEquals(reader.In(0), node.Out()) || !FoldableWeights.IsFoldable(reader) ||
            reader.Attributes.Ints("pads").Any(p => p != 0) ||
            reader.Attributes.Text("auto_pad", "NOTSET") is not ("NOTSET" or "VALID"))
        {
            return false;
        }

        if (FoldableWeights.ScaleInputs(reader, affine, editor) is not { } folded)
        {
            return false;
        }

        editor.Replace([node, reader], folded);
        return true;
    }
}
