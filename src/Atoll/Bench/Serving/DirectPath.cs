using Atoll.Devices;
using Atoll.Serving;

namespace Atoll;

/// <summary>Calls the models in this process.</summary>
internal sealed class DirectPath : IRequestPath
{
    public string Name => "in process";

    public async Task<(InferenceStatus Status, string? Reason)> SendAsync(
        ServingLoad load, InputTensor[] input, CancellationToken cancellation)
    {
        using var request = new InferenceRequest { Inputs = input, Class = WorkClass.RealTime, Priority = 1 };
        for (var i = 0; i < load.Model.Metadata.Outputs.Length; i++)
        {
            request.Outputs.Add(new OutputRequest(i, Binary: true));
        }

        var outcome = await load.Model.InferAsync(request, cancellation);
        outcome.Outputs?.Dispose();
        return (outcome.Status, outcome.Reason);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
