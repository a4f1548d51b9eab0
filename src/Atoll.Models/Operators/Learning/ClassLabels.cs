namespace Atoll.Models;

/// <summary>The labels of a classifier, whole numbers or strings.</summary>
internal sealed class ClassLabels
{
    private readonly long[] _numbers;
    private readonly string[] _texts;

    private ClassLabels(long[] numbers, string[] texts) => (_numbers, _texts) = (numbers, texts);

    public int Count => Math.Max(_numbers.Length, _texts.Length);

    public ElementType Type => _texts.Length > 0 ? ElementType.String : ElementType.Int64;

    /// <summary>Reads the attribute of that name for numbers (with the ending given) or strings.</summary>
    public static ClassLabels Of(OperatorCall call, string name, string numbers)
    {
        var labels =
            new ClassLabels(call.Attributes.Ints($"{name}_{numbers}"), call.Attributes.Texts($"{name}_strings"));
        return labels._numbers.Length == 0 || labels._texts.Length == 0 ? labels
            : throw call.Fail(ModelError.InvalidAttribute, $"{name} has numbers and strings");
    }

    /// <summary>The labels of these classes, one per row.</summary>
    public Tensor Select(IReadOnlyCollection<int> classes) => Type == ElementType.String
        ? Tensor.OfStrings([classes.Count], [.. classes.Select(c => _texts[c])])
        : Tensor.Int64([classes.Count], [.. classes.Select(c => _numbers.Length == 0 ? c : _numbers[c])]);

    /// <summary>All labels in their order.</summary>
    public Tensor All() => Select([.. Enumerable.Range(0, Count)]);
}
