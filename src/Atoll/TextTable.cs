using Spectre.Console;

namespace Atoll;

/// <summary>Plain tables for the terminal, and for files and pipes without cutting long values.</summary>
internal static class TextTable
{
    private const int PipedWidth = 240;

    public static Table Create(params ReadOnlySpan<string> columns)
    {
        var table = new Table();
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)));
        }

        return table;
    }

    public static void Add(Table table, params ReadOnlySpan<string> cells)
    {
        var row = new Text[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            row[i] = new Text(cells[i]);
        }

        table.AddRow(row);
    }

    public static void Write(Table table, TextWriter output)
    {
        var isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        });
        if (!isTerminal)
        {
            console.Profile.Width = PipedWidth;
        }

        console.Write(table.Border(TableBorder.Simple));
    }
}
