using System.Globalization;

namespace Atoll;

/// <summary>The port for gRPC as a setting says it: a number, next to HTTP's, or none.</summary>
internal static class GrpcPortSetting
{
    public const string Auto = "auto";
    public const string Allowed = "auto, off, or 0 to 65535";
    private const string Off = "off";
    private const int MostPort = 65535;

    public static bool IsAllowed(string text) => text is Auto or Off || IsPort(text, out _);

    /// <summary>The port, 0 for any free one; null for none. The text must be allowed.</summary>
    public static int? Read(string text, int httpPort)
    {
        if (IsPort(text, out var port))
        {
            return port;
        }

        return text == Off ? null : httpPort is 0 or MostPort ? 0 : httpPort + 1;
    }

    private static bool IsPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= MostPort;
}
