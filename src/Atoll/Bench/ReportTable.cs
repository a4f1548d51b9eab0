using Spectre.Console;

namespace Atoll;

/// <summary>Prints wide tables whole: a file or a pipe has no width to fit.</summary>
internal static class ReportTable
{
    private const int RedirectedWidth = 240;

    public static void Print(Table table)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = RedirectedWidth;
        }

        AnsiConsole.Write(table.Border(TableBorder.Simple));
    }
}
