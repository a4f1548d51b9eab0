namespace Atoll.Serving;

/// <summary>Where an input's data is, as its `parameters` say; the JSON itself when they say nothing.</summary>
internal struct InputParameters
{
    /// <summary>Bytes in the binary part of the body; null = not there.</summary>
    public long? BinarySize;

    /// <summary>Shared memory that holds the data; null = not there.</summary>
    public SharedMemorySlice? Region;

    public readonly long RegionBytes => Region?.Length ?? 0;
}

/// <summary>How an output is wanted, as its `parameters` say.</summary>
internal struct OutputParameters
{
    /// <summary>Null when nothing is said.</summary>
    public bool? Binary;

    /// <summary>The so many largest values as text; 0 = the tensor.</summary>
    public int Classes;

    /// <summary>Shared memory that takes the data; null = the answer does.</summary>
    public SharedMemorySlice? Region;

    public readonly OutputRequest For(int index, bool binaryByDefault) =>
        new(index, Region is null && (Binary ?? binaryByDefault), Classes) { Region = Region };
}
