using System.CommandLine;

namespace Atoll;

/// <summary>The `atoll` command: its subcommands, and how an error becomes one line and an exit code.</summary>
internal static class AtollCommand
{
    /// <summary>How long a command may take to end once it was told to.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    private const string Verbose = "--verbose";

    public static RootCommand Create()
    {
        var root = new RootCommand("Atoll: real-time and best-effort work on shared accelerators.")
        {
            new Option<bool>(Verbose) { Description = "Print the stack trace of an error.", Recursive = true },
            BenchCommand.Create(TimeProvider.System),
            DemoCommand.Create(TimeProvider.System),
            DoctorCommand.Create(),
            InferCommand.Create(),
            ModelCommand.Create(TimeProvider.System),
            PlanCommand.Create(TimeProvider.System),
            ProfileCommand.Create(TimeProvider.System),
            ServeCommand.Create(),
            SettingsCommand.Create(),
            SimulateCommand.Create(TimeProvider.System),
            VersionCommand.Create(),
        };
        foreach (var option in SettingsOptions.Global())
        {
            root.Add(option);
        }

        return root;
    }

    /// <summary>Runs one command line and returns its exit code (see <see cref="ExitCode"/>).</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error)
    {
        var result = Create().Parse(args);
        if (result.Errors.Count > 0)
        {
            foreach (var problem in result.Errors)
            {
                await error.WriteLineAsync("atoll: " + problem.Message);
            }

            await error.WriteLineAsync("Run 'atoll --help' for the commands and their options.");
            return ExitCode.BadInput;
        }

        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = Grace,
        };
        try
        {
            return await result.InvokeAsync(configuration);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            await error.WriteLineAsync(
                "atoll: " + (result.GetValue<bool>(Verbose) ? exception.ToString() : OneLine(exception.Message)));
            return ExitCode.Of(exception);
        }
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
