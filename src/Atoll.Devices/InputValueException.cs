namespace Atoll.Devices;

/// <summary>
/// A kernel cannot compute what the values of its inputs ask for, e.g. an index outside an axis. The request is at
/// fault, not the model or the device; the message names the kernel, the value and its limit.
/// </summary>
public sealed class InputValueException(string message) : InvalidOperationException(message);
