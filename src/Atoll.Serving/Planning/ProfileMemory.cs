namespace Atoll.Serving;

/// <summary>Device memory of a model as a line: its weights once, and so many bytes for each item of a batch.</summary>
public readonly record struct ProfileMemory(long WeightBytes, long BytesPerItem);
