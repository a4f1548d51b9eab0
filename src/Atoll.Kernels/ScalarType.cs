namespace Atoll.Kernels;

/// <summary>Element types of kernels, numbered as in ONNX TensorProto.DataType.</summary>
public enum ScalarType
{
    Float32 = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    Float64 = 11,
    UInt32 = 12,
    UInt64 = 13,

    /// <summary>A type of storage: only casts from and to Float32 take it.</summary>
    BFloat16 = 16,
}
