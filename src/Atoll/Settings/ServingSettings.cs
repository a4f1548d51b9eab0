using System.Net;
using Atoll.Serving;

namespace Atoll;

/// <summary>Settings of the HTTP server and of models whose own configuration does not say otherwise.</summary>
internal static class ServingSettings
{
    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.String(
            new("serving.models", "", "Folder of models: NAME.onnx, or NAME/VERSION/model.onnx.") { Flag = "--models" },
            "a folder", _ => true, s => s.Serving.Models, (s, v) => s.Serving.Models = v),
        Setting.String(
            new("serving.address", "",
                "Address to listen on; any but loopback needs serving.tokens.") { Flag = "--host" },
            "an IP address", text => IPAddress.TryParse(text, out _), s => s.Serving.Options.Address.ToString(),
            (s, v) => Change(s, o => o with { Address = IPAddress.Parse(v) })),
        Setting.Number(
            new("serving.port", "", "Port to listen on; 0 is any free one.") { Flag = "--port" },
            (0, 65535), s => s.Serving.Options.Port, (s, v) => Change(s, o => o with { Port = v })),
        Setting.String(
            new("serving.grpc_port", "",
                "Port to listen on for gRPC at serving.address: auto is the one after serving.port (or any free one " +
                "when that is 0), off is none, 0 is any free one.") { Flag = "--grpc-port" },
            GrpcPortSetting.Allowed, GrpcPortSetting.IsAllowed,
            s => s.Serving.GrpcPort, (s, v) => s.Serving.GrpcPort = v),
        Setting.String(
            new("serving.grpc_socket", "",
                "Path of a Unix socket to listen on for gRPC, for this user alone; empty is none."),
            "a path", _ => true, s => s.Serving.Options.GrpcSocket,
            (s, v) => Change(s, o => o with { GrpcSocket = v })),
        Setting.Number(
            new("serving.grpc_max_message_bytes", "bytes", "Largest gRPC message after decompression."),
            (1024, int.MaxValue), s => s.Serving.Options.GrpcMaxMessageBytes,
            (s, v) => Change(s, o => o with { GrpcMaxMessageBytes = v })),
        Setting.String(
            new("serving.tokens", "",
                "Tokens of which a client must show one, separated by commas. A token that ends " +
                "in :best_effort may not ask for real-time.") { IsSecret = true },
            "NAME:SECRET or NAME:SECRET:best_effort, each secret of 8 characters or more", text =>
                ReadTokens(text) is not null,
            s => s.Serving.Tokens, SetTokens),
        Setting.String(
            new("serving.certificate", "", "PEM file of the certificate for HTTPS and gRPC; none is plain text."),
            "a file", IsFile, s => s.Serving.Certificate, (s, v) => s.Serving.Certificate = v),
        Setting.String(
            new("serving.certificate_key", "",
                "PEM file of the certificate's key; none is the certificate's own file."),
            "a file", IsFile, s => s.Serving.CertificateKey, (s, v) => s.Serving.CertificateKey = v),
        Setting.String(
            new("serving.name", "", "Name that the server gives of itself; clients made for another may look for its."),
            "text without control characters", text => text.Length is > 0 and <= 128 && !text.Any(char.IsControl),
            s => s.Serving.Options.Name, (s, v) => Change(s, o => o with { Name = v })),
        Setting.Choice(
            new("serving.model_control", "",
                "Who decides which models are loaded: `none` loads all at the start, `poll` follows the folder, " +
                "`explicit` waits for clients."),
            s => s.Serving.Options.ControlMode, (s, v) => Change(s, o => o with { ControlMode = v })),
        Setting.Number(
            new("serving.poll_period_s", "s", "Time between two looks at the folder when polling."),
            (1, 86400), s => (int)s.Serving.Options.PollPeriod.TotalSeconds,
            (s, v) => Change(s, o => o with { PollPeriod = TimeSpan.FromSeconds(v) })),
        Setting.String(
            new("serving.load_models", "",
                "Models that are loaded at the start in the explicit mode, separated by commas; * is all."),
            "names", _ => true, s => s.Serving.LoadModels, (s, v) => s.Serving.LoadModels = v),
        Setting.Number(
            new("serving.parallel_loads", "", "Models that load at the same time."),
            (1, 64), s => s.Serving.Options.ParallelLoads, (s, v) => Change(s, o => o with { ParallelLoads = v })),
        Setting.Number(
            new("serving.prefix_share", "share",
                "Models in sessions that begin alike run together when the common prefix holds at least this part of " +
                "the weights and work of each; 0 is never."),
            (0, 1.0), s => s.Serving.PrefixShare, (s, v) => s.Serving.PrefixShare = v),
        Setting.Number(
            new("serving.max_concurrent_requests", "", "Requests in the server at once; more are answered 503."),
            (1, 1 << 16), s => s.Serving.Options.MaxConcurrentRequests,
            (s, v) => Change(s, o => o with { MaxConcurrentRequests = v })),
        Setting.Number(
            new("serving.max_event_clients", "", "Live pages that may follow the events at once."),
            (0, 1024), s => s.Serving.Options.MaxEventClients, (s, v) =>
                Change(s, o => o with { MaxEventClients = v })),
        Setting.Number(
            new("serving.drain_timeout_s", "s", "How long shutdown waits for requests before it cancels them."),
            (0, (int)AtollCommand.Grace.TotalSeconds - 5), s => (int)s.Serving.Options.DrainTimeout.TotalSeconds,
            (s, v) => Change(s, o => o with { DrainTimeout = TimeSpan.FromSeconds(v) })),
        Setting.Number(
            new("serving.instances", "", "Requests of a model that may run at once in its own class, where its " +
                "configuration does not say."),
            (1, ModelConfiguration.MaxInstances), s => s.Serving.Options.ModelDefaults.Instances,
            (s, v) => ChangeModel(s, m => m with { Instances = v })),
        Setting.Number(
            new("serving.queue_capacity", "",
                "Requests of a model and class that may wait, where its configuration does " +
                "not say."),
            (0, 1 << 16), s => s.Serving.Options.ModelDefaults.QueueCapacity,
            (s, v) => ChangeModel(s, m => m with { QueueCapacity = v })),
        Setting.Number(
            new("serving.max_body_bytes", "bytes", "Largest request body after decompression, where the model's " +
                "configuration does not say."),
            (1, 1 << 30), s => s.Serving.Options.ModelDefaults.MaxBodyBytes,
            (s, v) => ChangeModel(s, m => m with { MaxBodyBytes = v })),
    ];

    private static void Change(AtollSettings settings, Func<ServingOptions, ServingOptions> change) =>
        settings.Serving.Options = change(settings.Serving.Options);

    private static void ChangeModel(AtollSettings settings, Func<ModelConfiguration, ModelConfiguration> change) =>
        Change(settings, options => options with { ModelDefaults = change(options.ModelDefaults) });

    private static bool IsFile(string path) => path.Length == 0 || File.Exists(path);

    private static void SetTokens(AtollSettings settings, string text)
    {
        settings.Serving.Tokens = text;
        Change(settings, options => options with { Tokens = ReadTokens(text)! });
    }

    private static List<AccessToken>? ReadTokens(string text)
    {
        var tokens = new List<AccessToken>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var words = part.Split(':');
            if (words.Length is < 2 or > 3 || words[0].Length == 0 || words[1].Length < 8 ||
                (words.Length == 3 && words[2] != "best_effort"))
            {
                return null;
            }

            tokens.Add(new AccessToken(words[0], words[1], AllowRealTime: words.Length == 2));
        }

        return tokens;
    }
}
