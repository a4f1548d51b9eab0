using System.Globalization;
using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models;

/// <summary>
/// Writes a built model as an ONNX file. Initializers are streamed, so that memory stays at a chunk whatever the
/// model's size. The file is written under a temporary name and renamed at the end: a reader never sees half a model.
/// </summary>
internal sealed class OnnxWriter(OnnxModelBuilder model, string path)
{
    // Field tags of the ONNX messages with wire type 2 (length-delimited).
    private const byte GraphTag = (7 << 3) | 2;
    private const byte InitializerTag = (5 << 3) | 2;
    private const byte RawDataTag = (9 << 3) | 2;
    private const int ExternalAlignment = 4096;

    /// <summary>
    /// Tensors of at least <see cref="ExternalBytesMin"/> go to a second file beside the model, FILE.data.
    /// </summary>
    public bool ExternalData { get; init; }

    public long ExternalBytesMin { get; init; } = 1024;

    /// <summary>Opens a new file of a known size; replaced in tests to fail like a full disk.</summary>
    public Func<string, long, Stream> Open { get; init; } = OpenPreallocated;

    public IProgress<long>? Progress { get; init; }

    /// <summary>Returns the bytes written, external data included.</summary>
    /// <exception cref="ModelException">WriteFailed: the folder cannot be written or the disk is full. LimitExceeded:
    /// over 2 GB.</exception>
    public long Write()
    {
        var layout = Layout();
        var graphBytes = model.Graph.CalculateSize() + layout.Sum(e => Prefixed(e.MessageBytes));
        var envelope = model.Envelope().ToByteArray();
        var modelBytes = envelope.Length + Prefixed(graphBytes);
        if (modelBytes > int.MaxValue)
        {
            throw new ModelException(
                ModelError.LimitExceeded,
                $"model '{path}' would have {modelBytes} bytes; an ONNX file holds at most {int.MaxValue}; " +
                "write the weights as external data (--external-data) or choose a smaller --width");
        }

        var dataBytes = layout.Where(e => e.IsExternal).Max(e => (long?)(e.Offset + e.Plan.ByteCount)) ?? 0;
        if (ExternalData)
        {
            Commit(path + ".data", dataBytes, file => WriteExternal(file, layout));
        }

        Commit(path, modelBytes, file => WriteModel(file, envelope, graphBytes, layout));
        return modelBytes + dataBytes;
    }

    private List<Entry> Layout()
    {
        var entries = new List<Entry>(model.Initializers.Count);
        var offset = 0L;
        foreach (var plan in model.Initializers)
        {
            var header = new TensorProto { Name = plan.Name, DataType = (int)plan.Type };
            header.Dims.AddRange(plan.Shape);
            var external = ExternalData && plan.ByteCount >= ExternalBytesMin;
            if (external)
            {
                offset = (offset + ExternalAlignment - 1) / ExternalAlignment * ExternalAlignment;
                PointOutside(header, offset, plan.ByteCount);
            }

            var raw = external ? 0 : Prefixed(plan.ByteCount);
            entries.Add(new Entry(plan, header, header.CalculateSize() + raw, external, offset));
            offset += external ? plan.ByteCount : 0;
        }

        return entries;
    }

    private void PointOutside(TensorProto header, long offset, long length)
    {
        header.DataLocation = TensorProto.Types.DataLocation.External;
        void Add(string key, string value) =>
            header.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });

        Add("location", Path.GetFileName(path) + ".data");
        Add("offset", offset.ToString(CultureInfo.InvariantCulture));
        Add("length", length.ToString(CultureInfo.InvariantCulture));
    }

    private void WriteModel(Stream file, byte[] envelope, long graphBytes, List<Entry> layout)
    {
        file.Write(envelope);
        WritePrefix(file, GraphTag, graphBytes);
        file.Write(model.Graph.ToByteArray());
        foreach (var entry in layout)
        {
            WritePrefix(file, InitializerTag, entry.MessageBytes);
            file.Write(entry.Header.ToByteArray());
            if (!entry.IsExternal)
            {
                WritePrefix(file, RawDataTag, entry.Plan.ByteCount);
                entry.Plan.WriteTo(file);
                Progress?.Report(entry.Plan.ByteCount);
            }
        }
    }

    private void WriteExternal(Stream file, List<Entry> layout)
    {
        var written = 0L;
        foreach (var entry in layout.Where(e => e.IsExternal))
        {
            file.Write(new byte[entry.Offset - written]);
            entry.Plan.WriteTo(file);
            written = entry.Offset + entry.Plan.ByteCount;
            Progress?.Report(entry.Plan.ByteCount);
        }
    }

    private void Commit(string target, long bytes, Action<Stream> write)
    {
        var partial = $"{target}.{Environment.ProcessId}.partial";
        try
        {
            using (var file = Open(partial, bytes))
            {
                write(file);
            }

            File.Move(partial, target, overwrite: true);
        }
        catch (Exception failure) when (IsOfTheDisk(failure))
        {
            Discard(partial);
            throw new ModelException(
                ModelError.WriteFailed,
                $"cannot write '{target}', which needs {bytes} bytes: {failure.Message}; " +
                "free the space or choose another folder (--out)",
                failure);
        }
        catch
        {
            Discard(partial);
            throw;
        }
    }

    // A file that passes the size that the process or the file system allows (EFBIG) is an argument error to .NET.
    private static bool IsOfTheDisk(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    private static void Discard(string partial)
    {
        try
        {
            File.Delete(partial);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to tell; where the folder cannot be written there is no partial file either.
        }
    }

    // Preallocation makes a full disk fail before the first byte is made.
    private static FileStream OpenPreallocated(string file, long bytes) => new(file, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        PreallocationSize = bytes,
        BufferSize = 1 << 16,
    });

    private static long Prefixed(long bytes) => 1 + CodedOutputStream.ComputeUInt64Size((ulong)bytes) + bytes;

    private static void WritePrefix(Stream file, byte tag, long length)
    {
        file.WriteByte(tag);
        for (var rest = (ulong)length; ; rest >>= 7)
        {
            if (rest < 0x80)
            {
                file.WriteByte((byte)rest);
                return;
            }

            file.WriteByte((byte)(rest | 0x80));
        }
    }

    private sealed record Entry(
        InitializerPlan Plan, TensorProto Header, long MessageBytes, bool IsExternal, long Offset);
}
