using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>Adds the HTTP headers that a model's configuration names to a request's parameters.</summary>
internal static class HeaderParameters
{
    public static void Apply(InferenceRequest request, IHeaderDictionary headers, ModelConfiguration configuration)
    {
        Dictionary<string, object>? parameters = null;
        foreach (var bound in configuration.ParameterInputs)
        {
            if (bound.Header is { Length: > 0 } && headers.TryGetValue(bound.Header, out var value))
            {
                parameters ??= new(request.Parameters);
                parameters[InputBinding.HeaderPrefix + bound.Header.ToLowerInvariant()] = value.ToString();
            }
        }

        request.Parameters = parameters ?? request.Parameters;
    }
}
