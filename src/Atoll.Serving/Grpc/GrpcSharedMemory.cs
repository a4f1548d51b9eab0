using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// The calls that register shared memory; of those for CUDA, what holds where there is no such device.
/// </summary>
internal sealed class GrpcSharedMemory(SharedMemoryEndpoints endpoints)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.SystemSharedMemoryStatus, (request, call) => Task.FromResult(Status(request, call)))
        .Unary(InferenceMethods.SystemSharedMemoryRegister, (request, call) =>
        {
            endpoints.Require(call.PeerAddress).Register(new SharedMemoryStatus(
                request.Name, request.Key, Whole(request.Offset), Whole(request.ByteSize)));
            return Task.FromResult(new SystemSharedMemoryRegisterResponse());
        })
        .Unary(InferenceMethods.SystemSharedMemoryUnregister, (request, call) =>
        {
            endpoints.Require(call.PeerAddress).Unregister(NameOf(request.Name));
            return Task.FromResult(new SystemSharedMemoryUnregisterResponse());
        })
        .Unary(InferenceMethods.CudaSharedMemoryStatus, (_, _) =>
            Task.FromResult(new CudaSharedMemoryStatusResponse()))
        .Unary(InferenceMethods.CudaSharedMemoryUnregister, (_, _) =>
            Task.FromResult(new CudaSharedMemoryUnregisterResponse()));

    private SystemSharedMemoryStatusResponse Status(SystemSharedMemoryStatusRequest request, GrpcCall call)
    {
        var response = new SystemSharedMemoryStatusResponse();
        foreach (var region in endpoints.Require(call.PeerAddress).Status(NameOf(request.Name)))
        {
            response.Regions[region.Name] = new SystemSharedMemoryStatusResponse.Types.RegionStatus
            {
                Name = region.Name,
                Key = region.Key,
                Offset = (ulong)region.Offset,
                ByteSize = (ulong)region.ByteSize,
            };
        }

        return response;
    }

    // An empty name is all of them.
    private static string? NameOf(string name) => name.Length > 0 ? name : null;

    private static long Whole(ulong value) => (long)ulong.Min(value, long.MaxValue);
}
