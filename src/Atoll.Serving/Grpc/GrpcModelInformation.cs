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
        .Unary(InferenceMethods.ModelMetadata, (request, _) => Task.FromResult(Model(request)));

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
        var entry = ModelLookup.Find(repository, request.Name, VersionOf(request.Version));
        ModelLookup.RequireLoaded(entry);
        var model = entry.Model!.Metadata;
        return new ModelMetadataResponse
        {
            Name = model.Name,
            Versions = { repository.VersionsOf(request.Name) },
            Platform = model.Platform,
            Inputs = { model.Inputs.Select(Describe) },
            Outputs = { model.Outputs.Select(Describe) },
        };
    }

    private static ModelMetadataResponse.Types.TensorMetadata Describe(TensorMetadata tensor) => new()
    {
        Name = tensor.Name,
        Datatype = DataTypes.NameOf(tensor.Type),
        Shape = { tensor.Shape },
    };
}
