using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;

namespace Atoll.Serving;

/// <summary>The methods of the inference service and of the health service, for servers and clients.</summary>
internal static class InferenceMethods
{
    public const string Service = "inference.GRPCInferenceService";
    public const string HealthService = "grpc.health.v1.Health";

    public static readonly GrpcMethod<ServerLiveRequest, ServerLiveResponse> ServerLive =
        Of<ServerLiveRequest, ServerLiveResponse>("ServerLive");

    public static readonly GrpcMethod<ServerReadyRequest, ServerReadyResponse> ServerReady =
        Of<ServerReadyRequest, ServerReadyResponse>("ServerReady");

    public static readonly GrpcMethod<ModelReadyRequest, ModelReadyResponse> ModelReady =
        Of<ModelReadyRequest, ModelReadyResponse>("ModelReady");

    public static readonly GrpcMethod<ServerMetadataRequest, ServerMetadataResponse> ServerMetadata =
        Of<ServerMetadataRequest, ServerMetadataResponse>("ServerMetadata");

    public static readonly GrpcMethod<ModelMetadataRequest, ModelMetadataResponse> ModelMetadata =
        Of<ModelMetadataRequest, ModelMetadataResponse>("ModelMetadata");

    public static readonly GrpcMethod<ModelInferRequest, ModelInferResponse> ModelInfer =
        Of<ModelInferRequest, ModelInferResponse>("ModelInfer");

    public static readonly GrpcMethod<ModelInferRequest, ModelStreamInferResponse> ModelStreamInfer =
        Of<ModelInferRequest, ModelStreamInferResponse>("ModelStreamInfer", GrpcMethodKind.DuplexStreaming);

    public static readonly GrpcMethod<ModelConfigRequest, ModelConfigResponse> ModelConfig =
        Of<ModelConfigRequest, ModelConfigResponse>("ModelConfig");

    public static readonly GrpcMethod<ModelStatisticsRequest, ModelStatisticsResponse> ModelStatistics =
        Of<ModelStatisticsRequest, ModelStatisticsResponse>("ModelStatistics");

    public static readonly GrpcMethod<RepositoryIndexRequest, RepositoryIndexResponse> RepositoryIndex =
        Of<RepositoryIndexRequest, RepositoryIndexResponse>("RepositoryIndex");

    public static readonly GrpcMethod<RepositoryModelLoadRequest, RepositoryModelLoadResponse> RepositoryModelLoad =
        Of<RepositoryModelLoadRequest, RepositoryModelLoadResponse>("RepositoryModelLoad");

    public static readonly GrpcMethod<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>
        RepositoryModelUnload =
            Of<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>("RepositoryModelUnload");

    public static readonly GrpcMethod<SystemSharedMemoryStatusRequest, SystemSharedMemoryStatusResponse>
        SystemSharedMemoryStatus =
            Of<SystemSharedMemoryStatusRequest, SystemSharedMemoryStatusResponse>("SystemSharedMemoryStatus");

    public static readonly GrpcMethod<SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse>
        SystemSharedMemoryRegister =
            Of<SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse>("SystemSharedMemoryRegister");

    public static readonly GrpcMethod<SystemSharedMemoryUnregisterRequest, SystemSharedMemoryUnregisterResponse>
        SystemSharedMemoryUnregister =
            Of<SystemSharedMemoryUnregisterRequest, SystemSharedMemoryUnregisterResponse>(
                "SystemSharedMemoryUnregister");

    public static readonly GrpcMethod<CudaSharedMemoryStatusRequest, CudaSharedMemoryStatusResponse>
        CudaSharedMemoryStatus =
            Of<CudaSharedMemoryStatusRequest, CudaSharedMemoryStatusResponse>("CudaSharedMemoryStatus");

    public static readonly GrpcMethod<CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse>
        CudaSharedMemoryUnregister =
            Of<CudaSharedMemoryUnregisterRequest, CudaSharedMemoryUnregisterResponse>("CudaSharedMemoryUnregister");

    public static readonly GrpcMethod<HealthCheckRequest, HealthCheckResponse> HealthCheck =
        GrpcMethod.Of<HealthCheckRequest, HealthCheckResponse>(HealthService, "Check");

    public static readonly GrpcMethod<HealthCheckRequest, HealthCheckResponse> HealthWatch =
        GrpcMethod.Of<HealthCheckRequest, HealthCheckResponse>(HealthService, "Watch", GrpcMethodKind.ServerStreaming);

    private static GrpcMethod<TRequest, TResponse> Of<TRequest, TResponse>(
        string name, GrpcMethodKind kind = GrpcMethodKind.Unary)
        where TRequest : IMessage<TRequest>, new()
        where TResponse : IMessage<TResponse>, new() => GrpcMethod.Of<TRequest, TResponse>(Service, name, kind);
}
