namespace Atoll.Models;

/// <summary>Why a model was refused.</summary>
public enum ModelError
{
    NotFound,
    Malformed,
    InvalidGraph,
    InvalidAttribute,
    InvalidShape,

    /// <summary>A shape depends on values that are known only when the model runs.</summary>
    DataDependentShape,
    UnsupportedOperator,
    UnsupportedType,
    MissingTensor,
    LimitExceeded,
    ExternalData,
    WriteFailed,
}

/// <summary>
/// A model could not be read, checked, compiled or written; the message says what, where, limit and setting.
/// </summary>
public sealed class ModelException(ModelError error, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public ModelError Error { get; } = error;
}
