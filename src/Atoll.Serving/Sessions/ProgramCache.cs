using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Compiled programs by what they compute; freed when nobody holds them. Not thread-safe.</summary>
internal sealed class ProgramCache
{
    private readonly Dictionary<string, (CompiledModel Model, int Holders)> _programs = [];

    public CompiledModel Rent(string key, Func<CompiledModel> compile)
    {
        var (model, holders) = _programs.TryGetValue(key, out var known) ? known : (compile(), 0);
        _programs[key] = (model, holders + 1);
        return model;
    }

    public void Return(CompiledModel model)
    {
        var (key, (_, holders)) = _programs.First(pair => pair.Value.Model == model);
        if (holders > 1)
        {
            _programs[key] = (model, holders - 1);
            return;
        }

        _programs.Remove(key);
        model.Dispose();
    }
}
