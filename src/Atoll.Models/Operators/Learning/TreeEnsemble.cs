namespace Atoll.Models;

/// <summary>A decision: go to one node or another; or a leaf, whose weights begin at a place in a list.</summary>
internal readonly record struct TreeNode(int Mode, int Feature, double Value, int True, int False, bool MissingIsTrue,
    int FirstWeight, int WeightCount);

/// <summary>A leaf's contribution to one target or class.</summary>
internal readonly record struct LeafWeight(int Target, double Weight);

/// <summary>
/// The decision trees of TreeEnsembleRegressor and TreeEnsembleClassifier, checked: every child exists and no path
/// comes back to where it was.
/// </summary>
internal sealed class TreeEnsemble
{
    private static readonly string[] Modes =
        ["LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

    private readonly TreeNode[] _nodes;
    private readonly LeafWeight[] _weights;
    private readonly int[] _roots;
    private readonly int _features;

    private TreeEnsemble(TreeNode[] nodes, LeafWeight[] weights, int[] roots)
    {
        (_nodes, _weights, _roots) = (nodes, weights, roots);
        _features = nodes.Where(n => n.Mode != 0).Select(n => n.Feature + 1).DefaultIfEmpty(0).Max();
    }

    public IReadOnlyList<LeafWeight> Weights => _weights;

    public int Trees => _roots.Length;

    /// <param name="call">The node.</param>
    /// <param name="side">"target" or "class", with which the attributes of the leaves begin.</param>
    /// <exception cref="ModelException">The attributes do not make up trees.</exception>
    public static TreeEnsemble Of(OperatorCall call, string side)
    {
        var attributes = call.Attributes;
        var (trees, ids) = (attributes.Ints("nodes_treeids"), attributes.Ints("nodes_nodeids"));
        var places = new Dictionary<(long Tree, long Id), int>();
        for (var i = 0; i < trees.Length; i++)
        {
            places[(trees[i], ids[i])] = i;
        }

        var weights = Leaves(call, side);
        var nodes = new TreeNode[trees.Length];
        var children = new HashSet<int>();
        for (var i = 0; i < nodes.Length; i++)
        {
            nodes[i] = Node(call, i, (trees[i], ids[i]), places, weights);
            if (nodes[i].Mode != 0 && !(children.Add(nodes[i].True) & children.Add(nodes[i].False)))
            {
                throw call.Fail(
                    ModelError.InvalidAttribute, $"a child of node {ids[i]} of tree {trees[i]} has two parents");
            }
        }

        LeafWeight[] flat = [.. weights.Order.SelectMany(key => weights.ByNode[key])];
        int[] roots = [.. Enumerable.Range(0, nodes.Length).Where(i => !children.Contains(i))];
        return new TreeEnsemble(nodes, flat, roots);
    }

    /// <summary>Adds what each tree's leaf says of one row, tree by tree.</summary>
    public void Visit(OperatorCall call, ReadOnlySpan<double> row, Action<LeafWeight> add)
    {
        if (row.Length < _features)
        {
            throw call.Fail(ModelError.InvalidShape, $"the trees ask for {_features} features, not {row.Length}");
        }

        foreach (var root in _roots)
        {
            var at = root;
            while (_nodes[at].Mode != 0)
            {
                at = Holds(_nodes[at], row) ? _nodes[at].True : _nodes[at].False;
            }

            for (var w = 0; w < _nodes[at].WeightCount; w++)
            {
                add(_weights[_nodes[at].FirstWeight + w]);
            }
        }
    }

    private static bool Holds(in TreeNode node, ReadOnlySpan<double> row)
    {
        var x = row[node.Feature];
        return (node.MissingIsTrue && double.IsNaN(x)) || node.Mode switch
        {
            1 => x <= node.Value,
            2 => x < node.Value,
            3 => x >= node.Value,
            4 => x > node.Value,
            5 => x == node.Value,
            _ => x != node.Value,
        };
    }

    private static TreeNode Node(OperatorCall call, int i, (long Tree, long Id) key,
        Dictionary<(long Tree, long Id), int> places, LeafList leaves)
    {
        var attributes = call.Attributes;
        var mode = Array.IndexOf(Modes, attributes.Texts("nodes_modes")[i]);
        var (first, count) = leaves.Place(key);
        if (mode == 0)
        {
            return new TreeNode(0, 0, 0, -1, -1, false, first, count);
        }

        if (mode < 0 || !places.TryGetValue((key.Tree, attributes.Ints("nodes_truenodeids")[i]), out var yes) ||
            !places.TryGetValue((key.Tree, attributes.Ints("nodes_falsenodeids")[i]), out var no) || yes == no)
        {
            throw call.Fail(
                ModelError.InvalidAttribute, $"node {key.Id} of tree {key.Tree} is not a decision or a leaf");
        }

        var missing = attributes.Ints("nodes_missing_value_tracks_true");
        var feature = checked((int)attributes.Ints("nodes_featureids")[i]);
        return feature < 0 ? throw call.Fail(ModelError.InvalidAttribute, $"feature {feature} is negative")
            : new TreeNode(mode, feature, Numbers(call, "nodes_values")[i], yes, no,
                i < missing.Length && missing[i] != 0, 0, 0);
    }

    private static LeafList Leaves(OperatorCall call, string side)
    {
        var attributes = call.Attributes;
        var (trees, ids) = (attributes.Ints($"{side}_treeids"), attributes.Ints($"{side}_nodeids"));
        var (targets, weights) = (attributes.Ints($"{side}_ids"), Numbers(call, $"{side}_weights"));
        var list = new LeafList();
        for (var i = 0; i < trees.Length; i++)
        {
            list.Add((trees[i], ids[i]), new LeafWeight(checked((int)targets[i]), weights[i]));
        }

        list.Finish();
        return list;
    }

    /// <summary>Floats, or doubles in the attribute whose name ends in "_as_tensor".</summary>
    public static double[] Numbers(OperatorCall call, string name) =>
        call.Attributes.Tensor($"{name}_as_tensor") is { } tensor ? WideTensor.Of(call, tensor)
        : Array.ConvertAll(call.Attributes.Floats(name), v => (double)v);

    /// <summary>The weights of each leaf, side by side.</summary>
    private sealed class LeafList
    {
        private readonly Dictionary<(long Tree, long Id), int> _first = [];

        public Dictionary<(long Tree, long Id), List<LeafWeight>> ByNode { get; } = [];

        public List<(long Tree, long Id)> Order { get; } = [];

        public void Add((long Tree, long Id) key, LeafWeight weight)
        {
            if (!ByNode.TryGetValue(key, out var list))
            {
                ByNode.Add(key, list = []);
                Order.Add(key);
            }

            list.Add(weight);
        }

        public void Finish()
        {
            var at = 0;
            foreach (var key in Order)
            {
                _first.Add(key, at);
                at += ByNode[key].Count;
            }
        }

        public (int First, int Count) Place((long Tree, long Id) key) =>
            _first.TryGetValue(key, out var first) ? (first, ByNode[key].Count) : (0, 0);
    }
}
