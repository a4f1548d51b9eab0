namespace Atoll.Serving;

/// <summary>Adds the headers or metadata that a model's configuration names to a request's parameters.</summary>
internal static class HeaderParameters
{
    /// <param name="headerOf">The value of a header by its name; null = it was not sent.</param>
    public static void Apply(
        InferenceRequest request, Func<string, string?> headerOf, ModelConfiguration configuration)
    {
        Dictionary<string, object>? parameters = null;
        foreach (var bound in configuration.ParameterInputs)
        {
            if (bound.Header is { Length: > 0 } && headerOf(bound.Header) is { } value)
            {
                parameters ??= new(request.Parameters);
                parameters[InputBinding.HeaderPrefix + bound.Header.ToLowerInvariant()] = value;
            }
        }

        request.Parameters = parameters ?? request.Parameters;
    }
}
