using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;

namespace Atoll.Serving;

/// <summary>Methods of the protocol that this server has not, each with its reason.</summary>
internal static class GrpcAbsentMethods
{
    public static void Register(GrpcServices services)
    {
        Absent<CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse>(
            "CudaSharedMemoryRegister",
            "CUDA shared memory is not supported: this server has no CUDA device; use system shared memory");
        Absent<TraceSettingRequest, TraceSettingResponse>(
            "TraceSetting", "this server writes no traces; its metrics and statistics tell of requests");
        Absent<LogSettingsRequest, LogSettingsResponse>(
            "LogSettings", "logging is set when the server starts (settings log.level, log.format)");

        void Absent<TRequest, TResponse>(string name, string reason)
            where TRequest : IMessage<TRequest>, new()
            where TResponse : IMessage<TResponse>, new() => services.Unary(
            GrpcMethod.Of<TRequest, TResponse>(InferenceMethods.Service, name),
            (_, _) => throw new GrpcException(GrpcStatus.Unimplemented, reason));
    }
}
