namespace Atoll.Models.Tests;

/// <summary>
/// Single-operator tests of ONNX's data that use a form of an operator that is not had, with the reason.
/// </summary>
internal static class UnhadNodeTests
{
    /// <summary>Null when the test is to be run.</summary>
    public static string? Reason(string name) =>
        name.Contains("training_dropout", StringComparison.Ordinal) ? "operator not had: dropout in training mode"
        : name.Contains("BFLOAT16", StringComparison.Ordinal) ? "operator not had: arithmetic on bfloat16"
        : null;
}
