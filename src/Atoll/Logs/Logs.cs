using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Atoll;

/// <summary>Logs go to the error stream, so that the output stream holds a command's result and nothing else.</summary>
internal static class Logs
{
    public static void Configure(ILoggingBuilder builder, LogSection settings)
    {
        // The framework's line per request costs time on every request; its failures to start are reported as ours.
        builder.ClearProviders().SetMinimumLevel(settings.Level)
            .AddFilter("Microsoft", level => level >= LogLevel.Warning && level >= settings.Level)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        builder.Services.Configure<ConsoleLoggerOptions>(options =>
            options.LogToStandardErrorThreshold = LogLevel.Trace);
        if (settings.Format == LogFormat.Json)
        {
            builder.AddJsonConsole(options =>
            {
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            builder.AddSimpleConsole(options =>
            {
                options.SingleLine = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "HH:mm:ss.fff ";
            });
        }
    }
}
