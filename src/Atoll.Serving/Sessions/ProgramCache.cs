using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Compiled programs by what they compute; freed when nobody holds them. One caller at a time rents; any may return.
/// </summary>
internal sealed class ProgramCache
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (CompiledModel Model, int Holders)> _programs = [];

    public CompiledModel Rent(string key, Func<CompiledModel> compile)
    {
        lock (_lock)
        {
            if (_programs.TryGetValue(key, out var known))
            {
                _programs[key] = (known.Model, known.Holders + 1);
                return known.Model;
            }
        }

        // Nobody who returns a program waits while another is compiled.
        var model = compile();
        lock (_lock)
        {
            _programs.Add(key, (model, 1));
        }

        return model;
    }

    public void Return(CompiledModel model)
    {
        lock (_lock)
        {
            var (key, (_, holders)) = _programs.First(pair => pair.Value.Model == model);
            if (holders > 1)
            {
                _programs[key] = (model, holders - 1);
                return;
            }

            _programs.Remove(key);
        }

        model.Dispose();
    }
}
