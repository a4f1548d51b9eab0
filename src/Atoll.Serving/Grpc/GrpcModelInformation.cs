using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>The calls that tell of the server and its models.</summary>
internal sealed class GrpcModelInformation(ServingOptions options, ModelRepository repository, Readiness readiness)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.ServerLive, (_, _) => Task.FromResult(new ServerLiveResponse { Live = true }))
        .Unary(InferenceMethods.ServerReady, (_, _) =>
            Task.FromResult(new ServerReadyResponse { Ready = readiness.IsReady }))
        .Unary(InferenceMethods.ServerMetadata, (_, _) => Task.FromResult(Server()))
        .Unary(InferenceMethods.ModelReady, (request, _) => Task.FromResult(Ready(request)))
        .Unary(InferenceMethods.ModelMetadata, (request, _) => Task.FromResult(Model(request)))
        .Unary(InferenceMethods.ModelConfig, (request, _) => Task.FromResult(Configuration(request)))
        .Unary(InferenceMethods.ModelStatistics, (request, _) => Task.FromResult(Statistics(request)));

    /// <summary>The version that a message names; an empty one is the newest.</summary>
    public static string? VersionOf(string version) => version.Length == 0 ? null : version;

    private ServerMetadataResponse Server() => new()
    {
        Name = options.Name,
        Version = options.Version,
        Extensions = { ProtocolEndpoints.Extensions },
    };

    // A model that is not there is not ready, which is an answer and no error.
    private ModelReadyResponse Ready(ModelReadyRequest request) => new()
    {
        Ready = repository.Find(request.Name, VersionOf(request.Version))?.State == ModelState.Ready,
    };

    private ModelMetadataResponse Model(ModelMetadataRequest request)
    {
        using var use = repository.Use(request.Name, VersionOf(request.Version));
        var model = use.Entry.Model!.Metadata;
        return new ModelMetadataResponse
        {
            Name = model.Name,
            Versions = { repository.VersionsOf(request.Name) },
            Platform = model.Platform,
            Inputs = { model.Inputs.Select(Describe) },
            Outputs = { model.Outputs.Select(Describe) },
        };
    }

    private ModelConfigResponse Configuration(ModelConfigRequest request)
    {
        using var use = repository.Use(request.Name, VersionOf(request.Version));
        return new ModelConfigResponse
        {
            Config = JsonMessage.Parse<ModelConfig>(json => ModelConfigurationText.Write(json, use.Entry)),
        };
    }

    private ModelStatisticsResponse Statistics(ModelStatisticsRequest request)
    {
        var entries = (request.Name, VersionOf(request.Version)) switch
        {
            ("", _) => repository.Entries,
            (var name, null) => repository.EntriesOf(ModelLookup.Find(repository, name, null).Name),
            var (name, version) => [ModelLookup.Find(repository, name, version)],
        };
        return JsonMessage.Parse<ModelStatisticsResponse>(json =>
            StatisticsJson.Write(json, entries.Where(entry => entry.State == ModelState.Ready)));
    }

    private static ModelMetadataResponse.Types.TensorMetadata Describe(TensorMetadata tensor) => new()
    {
        Name = tensor.Name,
        Datatype = DataTypes.NameOf(tensor.Type),
        Shape = { tensor.Shape },
    };
}
