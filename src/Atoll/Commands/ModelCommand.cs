using System.CommandLine;

namespace Atoll;

/// <summary>`atoll model`: makes sample models and shows what a model file holds.</summary>
internal static class ModelCommand
{
    public static Command Create(TimeProvider time) =>
        new("model", "Make sample models; show what a model file holds and what can run.")
    {
        ModelCreateCommand.Create(time),
        ModelInspectCommand.Create(),
        ModelOperatorsCommand.Create(),
    };
}
