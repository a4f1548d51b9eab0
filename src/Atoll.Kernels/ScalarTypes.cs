using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes a kernel for an element type that is known as a C# type only inside.</summary>
internal interface INumberKernelBuilder
{
    CpuKernel Build<T>() where T : unmanaged, INumber<T>;
}

internal static class ScalarTypes
{
    /// <summary>Calls the builder with the C# type; booleans are bytes.</summary>
    public static CpuKernel Dispatch<TBuilder>(ScalarType type, TBuilder builder)
        where TBuilder : INumberKernelBuilder => type switch
        {
            ScalarType.Float32 => builder.Build<float>(),
            ScalarType.UInt8 or ScalarType.Bool => builder.Build<byte>(),
            ScalarType.Int8 => builder.Build<sbyte>(),
            ScalarType.UInt16 => builder.Build<ushort>(),
            ScalarType.Int16 => builder.Build<short>(),
            ScalarType.Int32 => builder.Build<int>(),
            ScalarType.Int64 => builder.Build<long>(),
            ScalarType.Float16 => builder.Build<Half>(),
            ScalarType.Float64 => builder.Build<double>(),
            ScalarType.UInt32 => builder.Build<uint>(),
            ScalarType.UInt64 => builder.Build<ulong>(),
            _ => throw new NotSupportedException($"no kernels for element type {type}"),
        };
}
