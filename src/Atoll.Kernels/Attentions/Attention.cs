using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels for scaled dot-product attention.</summary>
public static class Attention
{
    /// <summary>
    /// y = softmax(scale q kᵀ + mask) v; q [B, H, Sq, D], k [B, H, Sk, D], v [B, H, Sk, Dv], y [B, H, Sq, Dv] of any
    /// strides with contiguous last axes of q and y. The mask is added and broadcasts to [B, H, Sq, Sk].
    /// </summary>
    /// <exception cref="ArgumentException">Shapes or strides that do not fit.</exception>
    public static CpuKernel Create(
        string name, TensorRef q, TensorRef k, TensorRef v, TensorRef? mask, float scale, TensorRef y)
    {
        if (q.Rank != 4 || k.Rank != 4 || v.Rank != 4 || y.Rank != 4 || q.Shape[3] != k.Shape[3]
            || k.Shape[2] != v.Shape[2] || y.Shape[2] != q.Shape[2] || y.Shape[3] != v.Shape[3]
            || q.Strides[3] != 1 || y.Strides[3] != 1)
        {
            throw new ArgumentException($"{name}: attention of {q}, {k}, {v} does not give {y}");
        }

        int batch = y.Shape[0], heads = y.Shape[1];
        var operands = new AttentionOperands(
            q.BroadcastTo(batch, heads, q.Shape[2], q.Shape[3]),
            k.BroadcastTo(batch, heads, k.Shape[2], k.Shape[3]),
            v.BroadcastTo(batch, heads, v.Shape[2], v.Shape[3]),
            mask?.BroadcastTo(batch, heads, q.Shape[2], k.Shape[2]), y);
        return new AttentionKernel(name, operands, scale, AttentionKernel.PartsOf(operands));
    }
}

/// <summary>Views of one shape of batch and heads; the mask may be absent.</summary>
internal sealed record AttentionOperands(TensorRef Q, TensorRef K, TensorRef V, TensorRef? Mask, TensorRef Y)
{
    public BufferAccess[] Accesses =>
        [Q.Reads(), K.Reads(), V.Reads(), .. Mask is { } mask ? [mask.Reads()] : (BufferAccess[])[], Y.Writes()];
}
