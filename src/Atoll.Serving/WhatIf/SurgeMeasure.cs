namespace Atoll.Serving;

/// <summary>How a cluster took a surge.</summary>
/// <param name="AbsorbedSeconds">From the begin of the surge to the end of its last second in which fewer than 99 %
/// were within objective.</param>
/// <param name="BadShare">Late and dropped requests of the whole run.</param>
/// <param name="DevicesBefore">Mean devices in the plan before the surge.</param>
/// <param name="DevicesDuring">In the second half of it.</param>
/// <param name="DevicesAfter">At the end of the run.</param>
public sealed record SurgeMeasure(
    int AbsorbedSeconds, double BadShare, double DevicesBefore, double DevicesDuring, double DevicesAfter);
