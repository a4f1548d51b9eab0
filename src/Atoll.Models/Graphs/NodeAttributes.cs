namespace Atoll.Models;

/// <summary>Attributes of a node by name, with the standard's defaults given at the call.</summary>
public sealed class NodeAttributes
{
    private readonly Dictionary<string, object> _values = [];

    public IEnumerable<string> Names => _values.Keys;

    /// <summary>Values are long, float, string, Tensor, Graph, or an array of these.</summary>
    public void Set(string name, object value) => _values[name] = value;

    public bool Has(string name) => _values.ContainsKey(name);

    public long Int(string name, long missing = 0) => Get(name, missing);

    public float Float(string name, float missing = 0) => Get(name, missing);

    public string Text(string name, string missing = "") => Get(name, missing);

    public long[] Ints(string name, long[]? missing = null) => Get(name, missing ?? []);

    public float[] Floats(string name, float[]? missing = null) => Get(name, missing ?? []);

    public string[] Texts(string name) => Get<string[]>(name, []);

    /// <summary>A subgraph.</summary>
    /// <exception cref="ModelException">There is none of this name.</exception>
    public Graph Graph(string name) => _values.GetValueOrDefault(name) as Graph ??
        throw new ModelException(ModelError.InvalidAttribute, $"attribute '{name}' is no graph");

    /// <summary>All subgraphs, by the name of their attribute.</summary>
    public IEnumerable<KeyValuePair<string, Graph>> Graphs => _values.Where(v => v.Value is Graph)
        .Select(v => KeyValuePair.Create(v.Key, (Graph)v.Value));

    /// <summary>A type, or null.</summary>
    internal DeclaredType? Declared(string name) => _values.GetValueOrDefault(name) as DeclaredType;

    public Tensor? Tensor(string name) => _values.GetValueOrDefault(name) as Tensor;

    /// <summary>The value as it was set, or null.</summary>
    internal object? Raw(string name) => _values.GetValueOrDefault(name);

    private T Get<T>(string name, T missing) => _values.TryGetValue(name, out var value)
        ? value is T typed ? typed : throw Mismatch(name, value, typeof(T))
        : missing;

    private static ModelException Mismatch(string name, object value, Type wanted) => new(ModelError.InvalidAttribute,
        $"attribute '{name}' is a {value.GetType().Name}, not a {wanted.Name}");
}
