namespace Atoll.Models;

/// <summary>The order of the passes.</summary>
internal static class FusionPasses
{
    /// <summary>What must be seen before constants are folded: weights that stay bytes.</summary>
    public static void ApplyToQuantized(Graph graph) => Apply(graph,
        new QuantizedConvolutionFusion(), new QuantizedPoolFusion());

    /// <summary>
    /// Passes that need no concrete shapes and leave only standard operators; they make the constants that all
    /// instances share.
    /// </summary>
    public static void ApplyToWeights(Graph graph) =>
        Apply(graph, new NoOpRemoval(), new LayerNormFusion(), new GeluFusion(), new AffineFolding());

    /// <summary>Passes that need concrete shapes or make operators of this compiler's own.</summary>
    public static void ApplyWithShapes(Graph graph) => Apply(graph,
        new NoOpRemoval(), new SiluFusion(), new QuantizedSumFusion(), new QuantizedProductFusion(),
        new AttentionFusion(), new ScaleShiftFusion(), new MatMulFusion(), new ActivationHoisting(),
        EpilogueFusion.ForConvolutions(), EpilogueFusion.ForMatrixProducts(), EpilogueFusion.ForScaleShifts(),
        new DepthwiseFusion(), new GateFusion());

    /// <summary>What no kernel can do without: batch normalizations become scale and shift.</summary>
    public static void ApplyNeeded(Graph graph) => Apply(graph, new ScaleShiftFusion());

    private static void Apply(Graph graph, params ReadOnlySpan<GraphPass> passes)
    {
        foreach (var pass in passes)
        {
            pass.Apply(graph);
        }
    }
}
