using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Atoll.Serving;

namespace Atoll;

/// <summary>`atoll serve`: serves a folder of models until it is told to stop.</summary>
internal static class ServeCommand
{
    private const int SimulatedMost = 256;

    private static readonly string[] Flags =
    [
        "serving.models", "serving.address", "serving.port", "serving.grpc_port", "device.name", "device.mode",
        "device.simulated",
    ];

    public static Command Create()
    {
        var command =
            new Command("serve", "Serve a folder of ONNX models over HTTP and gRPC, with metrics and a live page.");
        foreach (var name in Flags)
        {
            command.Add(SettingsOptions.For(name));
        }

        command.SetAction((result, cancellationToken) =>
        {
            foreach (var unread in UnreadVariables.Describe(SettingsSources.ProcessEnvironment().Keys))
            {
                result.InvocationConfiguration.Error.WriteLine($"atoll: warning: {unread}");
            }

            return ServeAsync(
                SettingsOptions.Load(result).Settings, result.InvocationConfiguration.Output, cancellationToken);
        });
        return command;
    }

    /// <summary>Serves until cancelled; requests in flight are answered first.</summary>
    /// <exception cref="UsageException">There is no model to serve.</exception>
    public static async Task<int> ServeAsync(
        AtollSettings settings, TextWriter output, CancellationToken cancellationToken)
    {
        var sources = Sources(settings.Serving);
        using var certificate = Certificate(settings.Serving);
        var simulated = Simulated(settings.Device);
        await using var server = new ModelServer(
            ModelServer.DevicesOptions(settings.Device, TimeProvider.System),
            settings.Serving.Options with
            {
                Certificate = certificate,
                ModelFolder = settings.Serving.Models,
                GrpcPort = GrpcPortSetting.Read(settings.Serving.GrpcPort, settings.Serving.Options.Port),
            },
            settings.Log,
            settings.Models.Limits,
            new SessionSetup
            {
                Models = settings.Models,
                Options = new SessionDirectorOptions { PrefixShare = settings.Serving.PrefixShare },
                Simulated = simulated,
            });
        try
        {
            await server.Host.StartAsync(cancellationToken);
            await output.WriteLineAsync(
                $"{server.Host.Url} on {string.Join(", ", server.Devices.Select(device => device.Name))} with " +
                $"{server.Devices.Sum(device => device.Units)} compute units, " +
                $"{settings.Device.Mode}, scheduling rights: {server.Device.Rights}");
            if (simulated.Count > 0)
            {
                await output.WriteLineAsync(
                    $"models in sessions run on {simulated.Count} simulated devices, which answer zeros: " +
                    string.Join(", ", simulated.Select(device => device.Name)));
            }

            foreach (var place in server.Host.GrpcPlaces)
            {
                await output.WriteLineAsync($"gRPC on {place}");
            }

            await server.Host.LoadAsync(sources, cancellationToken);
            ReportModels(server.Host, output);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await server.Host.StopAsync(CancellationToken.None);
        }

        return ExitCode.Done;
    }

    private static IReadOnlyList<SimulatedBackend> Simulated(DeviceSection device) => device.Simulated.Length == 0
        ? []
        : SimulatedBackend.Of(PlanFileReader.Read(device.Simulated), TimeProvider.System, SimulatedMost);

    private static IReadOnlyList<ModelSource> Sources(ServingSection serving)
    {
        var folder = serving.Models;
        if (folder.Length == 0)
        {
            throw new UsageException("a folder of models is needed: --models DIR (setting serving.models)");
        }

        IReadOnlyList<ModelSource> sources = [.. ModelSource.Find(folder), .. ModelSource.FindQueries(folder)];
        if (serving.Options.ControlMode == ModelControlMode.Explicit)
        {
            return Chosen(sources, serving.LoadModels);
        }

        return sources.Count > 0 || serving.Options.ControlMode == ModelControlMode.Poll
            ? sources
            : throw new UsageException(
                $"'{folder}' holds no models: NAME.onnx or NAME/VERSION/model.onnx is needed (setting serving.models)");
    }

    private static ModelSource[] Chosen(IReadOnlyList<ModelSource> sources, string list)
    {
        var names = list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Array.Find(names, name => name != "*" && sources.All(source => source.Name != name)) is { } absent
            ? throw new UsageException($"there is no model '{absent}' in the folder (setting serving.load_models)")
            : [.. sources.Where(source => names.Contains("*") || names.Contains(source.Name))];
    }

    private static void ReportModels(ServingHost host, TextWriter output)
    {
        var models = host.Models;
        foreach (var (name, version, state, reason) in models)
        {
            output.WriteLine($"model {name} version {version}: {state}{(reason.Length > 0 ? ": " : "")}{reason}");
        }

        if (models.Count > 0 && models.All(model => model.State == ModelState.Failed))
        {
            throw new UsageException($"none of the {models.Count} models could be loaded");
        }
    }

    private static X509Certificate2? Certificate(ServingSection serving)
    {
        if (serving.Certificate.Length == 0)
        {
            return null;
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(
                serving.Certificate, serving.CertificateKey.Length > 0 ? serving.CertificateKey : null);
        }
        catch (CryptographicException exception)
        {
            throw new UsageException(
                $"'{serving.Certificate}' is no certificate with its key in PEM: {exception.Message} " +
                "(settings serving.certificate, serving.certificate_key)", exception);
        }
    }
}
