using System.Globalization;
using Spectre.Console;

namespace Atoll;

/// <summary>Shows the steps of a long command as they run.</summary>
internal abstract class DemoDisplay
{
    /// <summary>Runs the whole command; steps can be shown only within.</summary>
    public abstract Task RunAsync(Func<Task> command);

    /// <summary>Runs one step; its line ends with what <paramref name="summary"/> says of the result.</summary>
    /// <param name="expected">How long the step takes; null when that is not known.</param>
    public abstract Task<T> StepAsync<T>(string title, TimeSpan? expected, Func<Task<T>> step, Func<T, string> summary);

    /// <summary>A line of text between the steps.</summary>
    public abstract void Say(string line);

    /// <summary>Moving bars on a terminal, plain lines in files and pipes.</summary>
    public static DemoDisplay For(TextWriter output, TimeProvider clock)
    {
        var isTerminal = (ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected) ||
            (ReferenceEquals(output, Console.Error) && !Console.IsErrorRedirected);
        return isTerminal ? new TerminalDisplay(output, clock) : new PlainDisplay(output, clock);
    }
}

/// <summary>
/// One line when a step ends, with the time since the start of the command; one too when a step starts whose length is
/// not known.
/// </summary>
internal sealed class PlainDisplay(TextWriter output, TimeProvider clock) : DemoDisplay
{
    private readonly long _start = clock.GetTimestamp();

    public override Task RunAsync(Func<Task> command) => command();

    public override async Task<T> StepAsync<T>(
        string title, TimeSpan? expected, Func<Task<T>> step, Func<T, string> summary)
    {
        if (expected is null)
        {
            Say(title);
        }

        var began = clock.GetTimestamp();
        var result = await step();
        var took = clock.GetElapsedTime(began).TotalSeconds;
        Say(string.Create(CultureInfo.InvariantCulture, $"{title}: {summary(result)} ({took:0.0} s)"));
        return result;
    }

    public override void Say(string line) => output.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{clock.GetElapsedTime(_start).TotalSeconds,6:0.0} s  {line}"));
}

/// <summary>A bar for each step, drawn anew ten times a second.</summary>
internal sealed class TerminalDisplay : DemoDisplay
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly TimeProvider _clock;
    private readonly IAnsiConsole _console;
    private ProgressContext? _context;

    public TerminalDisplay(TextWriter output, TimeProvider clock)
    {
        _clock = clock;
        _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
    }

    public override Task RunAsync(Func<Task> command) => _console.Progress()
        .AutoClear(false)
        .Columns(
            new SpinnerColumn { CompletedText = "✓" }, new ProgressBarColumn { Width = 8 },
            new TaskDescriptionColumn { Alignment = Justify.Left })
        .StartAsync(async context =>
        {
            _context = context;
            await command();
        });

    public override async Task<T> StepAsync<T>(
        string title, TimeSpan? expected, Func<Task<T>> step, Func<T, string> summary)
    {
        var task = _context!.AddTask(Markup.Escape(title), maxValue: expected?.TotalSeconds ?? 1);
        task.IsIndeterminate = expected is null;
        var began = _clock.GetTimestamp();
        var running = step();
        while (!running.IsCompleted)
        {
            await Task.WhenAny(running, Task.Delay(Tick, _clock, CancellationToken.None));
            task.Value = double.Min(_clock.GetElapsedTime(began).TotalSeconds, task.MaxValue * 0.99);
        }

        var result = await running;
        task.IsIndeterminate = false;
        task.Value = task.MaxValue;
        task.Description = Markup.Escape($"{title}: {summary(result)}");
        return result;
    }

    public override void Say(string line) => _console.WriteLine(line);
}
