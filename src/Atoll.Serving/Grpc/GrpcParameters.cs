using Atoll.Serving.Protobuf;
using Google.Protobuf.Collections;

namespace Atoll.Serving;

/// <summary>Reads the parameters of a message by the same names and limits as those of a JSON request.</summary>
internal static class GrpcParameters
{
    public static RequestParameters Read(MapField<string, InferParameter> given)
    {
        var parameters = new RequestParameters();
        foreach (var (name, value) in given)
        {
            switch (name)
            {
                case "priority":
                    parameters.Priority = (int)Whole(name, value, ModelConfiguration.MaxPriority);
                    break;
                case "timeout":
                    parameters.TimeoutUs = Whole(name, value, ParameterReader.MaxTimeoutUs);
                    break;
                default:
                    ParameterReader.RefuseOfRequest(name);
                    break;
            }
        }

        return parameters;
    }

    private static long Whole(string name, InferParameter value, long most)
    {
        var number = value.ParameterChoiceCase switch
        {
            InferParameter.ParameterChoiceOneofCase.Int64Param => value.Int64Param,
            InferParameter.ParameterChoiceOneofCase.Uint64Param => (long)ulong.Min(value.Uint64Param, long.MaxValue),
            _ => -1,
        };
        return number >= 0 && number <= most
            ? number
            : throw RequestException.BadRequest($"parameter '{name}' must be a whole number from 0 to {most}");
    }
}
