using System.Buffers.Binary;
using System.Numerics;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf.Collections;

namespace Atoll.Serving;

/// <summary>The typed form of a tensor's elements in a message, as little-endian bytes.</summary>
internal static class TypedContents
{
    /// <summary>How many elements of a type there are.</summary>
    /// <exception cref="RequestException">The type has no typed form, or there are elements of another.</exception>
    public static int Count(InferTensorContents contents, ElementType type, string input)
    {
        var (name, count) = type switch
        {
            ElementType.Bool => ("bool_contents", contents.BoolContents.Count),
            ElementType.Int8 or ElementType.Int16 or ElementType.Int32 => ("int_contents", contents.IntContents.Count),
            ElementType.Int64 => ("int64_contents", contents.Int64Contents.Count),
            ElementType.UInt8 or ElementType.UInt16 or ElementType.UInt32 =>
                ("uint_contents", contents.UintContents.Count),
            ElementType.UInt64 => ("uint64_contents", contents.Uint64Contents.Count),
            ElementType.Float32 => ("fp32_contents", contents.Fp32Contents.Count),
            ElementType.Float64 => ("fp64_contents", contents.Fp64Contents.Count),
            ElementType.String => ("bytes_contents", contents.BytesContents.Count),
            _ => throw RequestException.BadRequest(
                $"input '{input}': {DataTypes.NameOf(type)} has no typed contents; send raw_input_contents"),
        };
        return count == Total(contents)
            ? count
            : throw RequestException.BadRequest(
                $"input '{input}': elements of {DataTypes.NameOf(type)} belong into {name}; other contents are filled");
    }

    /// <summary>Writes as many elements as fit, which the caller has made sure are all.</summary>
    /// <exception cref="RequestException">An element does not fit the type.</exception>
    public static void Write(InferTensorContents contents, ElementType type, Span<byte> to, string input)
    {
        switch (type)
        {
            case ElementType.Bool:
                for (var i = 0; i < contents.BoolContents.Count; i++)
                {
                    to[i] = contents.BoolContents[i] ? (byte)1 : (byte)0;
                }

                break;
            case ElementType.Int8:
                WriteAll<int, sbyte>(contents.IntContents, to, type, input);
                break;
            case ElementType.Int16:
                WriteAll<int, short>(contents.IntContents, to, type, input);
                break;
            case ElementType.Int32:
                WriteAll<int, int>(contents.IntContents, to, type, input);
                break;
            case ElementType.Int64:
                WriteAll<long, long>(contents.Int64Contents, to, type, input);
                break;
            case ElementType.UInt8:
                WriteAll<uint, byte>(contents.UintContents, to, type, input);
                break;
            case ElementType.UInt16:
                WriteAll<uint, ushort>(contents.UintContents, to, type, input);
                break;
            case ElementType.UInt32:
                WriteAll<uint, uint>(contents.UintContents, to, type, input);
                break;
            case ElementType.UInt64:
                WriteAll<ulong, ulong>(contents.Uint64Contents, to, type, input);
                break;
            case ElementType.Float32:
                for (var i = 0; i < contents.Fp32Contents.Count; i++)
                {
                    BinaryPrimitives.WriteSingleLittleEndian(to[(4 * i)..], contents.Fp32Contents[i]);
                }

                break;
            case ElementType.Float64:
                for (var i = 0; i < contents.Fp64Contents.Count; i++)
                {
                    BinaryPrimitives.WriteDoubleLittleEndian(to[(8 * i)..], contents.Fp64Contents[i]);
                }

                break;
        }
    }

    /// <summary>Appends BYTES elements, each with its length.</summary>
    public static void WriteStrings(InferTensorContents contents, PooledBytes to)
    {
        foreach (var element in contents.BytesContents)
        {
            BytesTensor.Append(to, element.Span);
        }
    }

    private static int Total(InferTensorContents contents) =>
        contents.BoolContents.Count + contents.IntContents.Count + contents.Int64Contents.Count +
        contents.UintContents.Count + contents.Uint64Contents.Count + contents.Fp32Contents.Count +
        contents.Fp64Contents.Count + contents.BytesContents.Count;

    private static void WriteAll<TFrom, TTo>(
        RepeatedField<TFrom> from, Span<byte> to, ElementType type, string input)
        where TFrom : IBinaryInteger<TFrom>
        where TTo : IBinaryInteger<TTo>
    {
        var size = type.SizeInBytes();
        for (var i = 0; i < from.Count; i++)
        {
            var value = TTo.CreateTruncating(from[i]);
            if (TFrom.CreateTruncating(value) != from[i])
            {
                throw RequestException.BadRequest(
                    $"input '{input}': element {i} is {from[i]}, which {DataTypes.NameOf(type)} cannot hold");
            }

            value.WriteLittleEndian(to.Slice(size * i, size));
        }
    }
}
