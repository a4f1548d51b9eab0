using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Choice = Atoll.Serving.Protobuf.ModelRepositoryParameter.ParameterChoiceOneofCase;

namespace Atoll.Serving;

/// <summary>The calls that list, load and unload models.</summary>
internal sealed class GrpcRepository(ModelRepository repository, ModelCatalog catalog, RepositoryChanges changes)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.RepositoryIndex, (request, _) => Task.FromResult(Index(request)))
        .Unary(InferenceMethods.RepositoryModelLoad, LoadAsync)
        .Unary(InferenceMethods.RepositoryModelUnload, UnloadAsync);

    private RepositoryIndexResponse Index(RepositoryIndexRequest request) => new()
    {
        Models =
        {
            RepositoryIndex.Rows(repository, catalog, request.Ready).Select(row =>
                new RepositoryIndexResponse.Types.ModelIndex
                {
                    Name = row.Name,
                    Version = row.Version,
                    State = row.State,
                    Reason = row.Reason,
                }),
        },
    };

    private async Task<RepositoryModelLoadResponse> LoadAsync(RepositoryModelLoadRequest request, GrpcCall call)
    {
        changes.RequireAllowed();
        await changes.LoadAsync(request.ModelName, ReadOverride(request), call.Cancellation);
        return new RepositoryModelLoadResponse();
    }

    private async Task<RepositoryModelUnloadResponse> UnloadAsync(
        RepositoryModelUnloadRequest request, GrpcCall call)
    {
        changes.RequireAllowed();
        var withDependents = false;
        foreach (var (name, value) in request.Parameters)
        {
            if (name != "unload_dependents")
            {
                throw RepositoryRequest.UnknownOfUnload(name);
            }

            Require(value, Choice.BoolParam, name, "a boolean");
            withDependents = value.BoolParam;
        }

        await changes.UnloadAsync(request.ModelName, withDependents, call.Cancellation);
        return new RepositoryModelUnloadResponse();
    }

    private static ModelOverride ReadOverride(RepositoryModelLoadRequest request)
    {
        string? configuration = null;
        var files = new Dictionary<string, byte[]>();
        foreach (var (name, value) in request.Parameters)
        {
            if (name == "config")
            {
                Require(value, Choice.StringParam, name, "a string");
                configuration = value.StringParam;
            }
            else if (name.StartsWith(RepositoryRequest.FilePrefix, StringComparison.Ordinal))
            {
                Require(value, Choice.BytesParam, name, "bytes");
                files[name[RepositoryRequest.FilePrefix.Length..]] = value.BytesParam.ToByteArray();
            }
            else
            {
                throw RepositoryRequest.UnknownOfLoad(name);
            }
        }

        return RepositoryRequest.Override(configuration, files);
    }

    private static void Require(ModelRepositoryParameter value, Choice kind, string name, string what)
    {
        if (value.ParameterChoiceCase != kind)
        {
            throw RequestException.BadRequest($"parameter '{name}' must be {what}");
        }
    }
}
