using System.Numerics;
using DenseMatrix = MathNet.Numerics.LinearAlgebra.Double.DenseMatrix;

namespace Atoll.Models;

/// <summary>
/// Least squares with a penalty on the squared weights: minimises |F w - t|^2 + penalty |w|^2 by the normal equations
/// (F'F + penalty I) w = F't. Only F'F and F't are kept, so the number of samples is not bound by memory.
/// </summary>
internal sealed class RidgeRegression(int features, int targets)
{
    // Samples per pass over F'F: each pass reads and writes all of it.
    private const int Batch = 32;

    private readonly float[] _gram = new float[features * features];
    private readonly float[] _moments = new float[features * targets];
    private readonly float[] _batch = new float[Batch * features];
    private int _waiting;

    public int Samples { get; private set; }

    /// <summary>Adds one sample; the targets are -1 but for <paramref name="label"/>, which is +1.</summary>
    public void Add(ReadOnlySpan<float> sample, int label)
    {
        sample.CopyTo(_batch.AsSpan(_waiting * features));
        for (var i = 0; i < features; i++)
        {
            for (var t = 0; t < targets; t++)
            {
                _moments[(i * targets) + t] += t == label ? sample[i] : -sample[i];
            }
        }

        Samples++;
        if (++_waiting == Batch)
        {
            Flush();
        }
    }

    /// <summary>Weights by (feature, target).</summary>
    /// <param name="penalty">As a share of the mean squared feature.</param>
    public float[,] Solve(double penalty)
    {
        Flush();
        var trace = Enumerable.Range(0, features).Sum(i => (double)_gram[(i * features) + i]);
        var added = penalty * trace / features;
        var gram = DenseMatrix.Create(
            features, features, (i, j) => _gram[(Math.Max(i, j) * features) + Math.Min(i, j)] + (i == j ? added : 0));
        var moments = DenseMatrix.Create(features, targets, (i, t) => _moments[(i * targets) + t]);
        var solved = gram.Cholesky().Solve(moments);
        var weights = new float[features, targets];
        for (var i = 0; i < features; i++)
        {
            for (var t = 0; t < targets; t++)
            {
                weights[i, t] = (float)solved[i, t];
            }
        }

        return weights;
    }

    /// <summary>Adds the waiting samples to the lower half of F'F.</summary>
    private void Flush()
    {
        Parallel.For(0, features, i =>
        {
            var row = _gram.AsSpan(i * features, features);
            for (var j = 0; j <= i; j += Vector<float>.Count)
            {
                if (j + Vector<float>.Count <= features)
                {
                    var sum = new Vector<float>(row[j..]);
                    for (var s = 0; s < _waiting * features; s += features)
                    {
                        sum = Vector.FusedMultiplyAdd(
                            new Vector<float>(_batch[s + i]), new Vector<float>(_batch, s + j), sum);
                    }

                    sum.CopyTo(row[j..]);
                }
                else
                {
                    AddScalar(row, i, j);
                }
            }
        });
        _waiting = 0;
    }

    private void AddScalar(Span<float> row, int i, int from)
    {
        for (var j = from; j < features; j++)
        {
            for (var s = 0; s < _waiting * features; s += features)
            {
                row[j] += _batch[s + i] * _batch[s + j];
            }
        }
    }
}
