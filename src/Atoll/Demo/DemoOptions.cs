namespace Atoll;

/// <summary>What `atoll demo` serves, drives and measures.</summary>
internal sealed record DemoOptions
{
    /// <summary>The model that recognises drawn digits; the demo's first real-time client.</summary>
    public const string Digits = "digits";

    /// <summary>The model of the second real-time client; it is served best-effort too.</summary>
    public const string Camera = "vgg19";

    /// <summary>Factor on the channel counts of each model; 1 is the published size.</summary>
    public required IReadOnlyDictionary<string, double> Widths { get; init; }

    /// <summary>Where the models' files lie or are made.</summary>
    public required string Folder { get; init; }

    /// <summary>Seconds that each phase measures.</summary>
    public required double PhaseSeconds { get; init; }

    /// <summary>Requests per second of the clients that draw digits.</summary>
    public double DigitRate { get; init; } = 40;

    /// <summary>Requests per second of the client that sends pictures.</summary>
    public double CameraRate { get; init; } = 20;
}
