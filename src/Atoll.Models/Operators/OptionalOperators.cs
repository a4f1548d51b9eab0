namespace Atoll.Models;

/// <summary>Operators on values that may be absent.</summary>
internal static class OptionalOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Define("Optional", InferOptional, call =>
            [new OptionalValue(call.Output(0).Container!, call.Has(0) ? call.Value(0) : null)]) with { InputsMin = 0 },
        Define("OptionalHasElement", call => call.Set(0, ElementType.Bool, []), call =>
            [new Tensor(ElementType.Bool, [], [Content(call) is null ? (byte)0 : (byte)1])]) with { InputsMin = 0 },
        Define("OptionalGetElement", InferElement, call =>
            [Content(call) ?? throw call.Fail(ModelError.InvalidShape, "the optional value is absent")]),
    ];

    private static OperatorDefinition Define(string name, Action<OperatorCall> infer,
        Func<OperatorCall, ModelValue[]> evaluate) =>
        new(name, infer, evaluate) { SinceOpset = 15, TakesContainers = true, Strings = StringSupport.Own };

    private static void InferOptional(OperatorCall call)
    {
        if (call.Info(0) is { } info)
        {
            call.Set(0, new ContainerType(ContainerKind.Optional, info.Type, info.Container));
            return;
        }

        var declared = call.Attributes.Declared("type") ??
            throw call.Fail(ModelError.InvalidAttribute, "it has neither an input nor a type");
        call.Set(0, new ContainerType(ContainerKind.Optional, declared.Element, declared.Container));
    }

    /// <summary>From opset 18 on a value that is no optional counts as one that is there.</summary>
    private static ModelValue? Content(OperatorCall call) =>
        !call.Has(0) ? null : call.Value(0) is OptionalValue optional ? optional.Value : call.Value(0);

    private static void InferElement(OperatorCall call)
    {
        var info = call.Info(0)!.Value;
        if (info.Container is not { Kind: ContainerKind.Optional } optional)
        {
            call.Set(0, info);
        }
        else if (optional.Item is { } item)
        {
            call.Set(0, item);
        }
        else
        {
            call.Set(0, optional.Element, null);
        }
    }
}
