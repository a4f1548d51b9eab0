namespace Atoll.Models.Tests;

/// <summary>
/// Single-operator tests of ONNX's data that use a form of an operator that is not had, with the reason.
/// </summary>
internal static class UnhadNodeTests
{
    /// <summary>Null when the test is to be run.</summary>
    public static string? Reason(string name) =>
        name == "node/test_adam_multiple" ? "the data was made with another epsilon than the node states"
        : name.Contains("castlike", StringComparison.Ordinal) && name.Contains("BFLOAT16", StringComparison.Ordinal)
            ? "the data does not have the declared shape"
        : null;
}
