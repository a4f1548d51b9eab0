using System.Security.Cryptography;
using System.Text;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Finds models that begin alike, among those that are hosted, and compiles what they share. Programs that stay the
/// same when models come or go are kept, and with them their weights on devices. Used by one caller at a time; units
/// may be dropped meanwhile.
/// </summary>
internal sealed class PrefixGroups(double leastShare)
{
    private readonly ProgramCache _cache = new();
    private readonly List<HostedModel[]> _refused = [];

    /// <summary>Whether prefixes are looked for at all.</summary>
    public bool IsOn => leastShare > 0;

    /// <summary>
    /// A unit for each group of models that share a prefix; one that is there already stays. Models of one group have
    /// one class and may run on the same devices. A group that cannot be compiled is left out and not tried again.
    /// </summary>
    /// <param name="onApart">Told why a group cannot be compiled.</param>
    public IReadOnlyList<HostedUnit> Form(IReadOnlyList<HostedModel> models, Action<string> onApart)
    {
        _refused.RemoveAll(refused => !Array.TrueForAll(refused, models.Contains));
        var units = new List<HostedUnit>();
        try
        {
            foreach (var alike in models.Where(model => model.Whole.Candidate is not null).GroupBy(KindOf))
            {
                Form(alike.Key, [.. alike], (units, onApart));
            }
        }
        catch
        {
            DropUnused(units);
            throw;
        }

        return units;
    }

    /// <summary>Frees the units that serve nothing.</summary>
    public static void DropUnused(IEnumerable<HostedUnit> units)
    {
        foreach (var unit in units.Where(unit => !unit.IsInService))
        {
            unit.Drop();
        }
    }

    /// <summary>The unit could not be loaded: its models are not put together again while all of them stay.</summary>
    public void Refuse(IEnumerable<HostedModel> members) => _refused.Add([.. members]);

    private void Form(string kind, HostedModel[] own, (List<HostedUnit> Units, Action<string> OnApart) found)
    {
        var prefixes = own.Length < 2
            ? []
            : PrefixSearch.Find([.. own.Select(model => model.Whole.Candidate!)], leastShare);
        foreach (var prefix in prefixes)
        {
            HostedModel[] members = [.. prefix.Members.Select(member => own[member.Model])];
            var name = NameOf(prefix, kind);
            if (members[0].Unit is { } known && known.Name == name && known.Members.SequenceEqual(members))
            {
                found.Units.Add(known);
            }
            else if (!_refused.Exists(refused => refused.SequenceEqual(members)))
            {
                try
                {
                    found.Units.Add(Make(name, prefix, members));
                }
                catch (ModelException e)
                {
                    Refuse(members);
                    found.OnApart(e.Message);
                }
            }
        }
    }

    private HostedUnit Make(string name, SharedPrefix prefix, HostedModel[] members)
    {
        var rows = members.Max(model => Math.Max(1, model.Configuration.MaxBatchSize));
        var options = members[0].Whole.Options with { PlanCacheCapacity = BatchSizes.UpTo(rows).Count + 1 };
        var rented = new List<CompiledModel>();
        CompiledModel Rent(string key, Graph graph)
        {
            rented.Add(_cache.Rent(key, () => ModelCompiler.Compile(graph, options)));
            return rented[^1];
        }

        try
        {
            var programs = new PrefixPrograms(
                Rent(prefix.Fingerprint, prefix.Graph),
                [.. prefix.Members.Zip(members, (member, model) => SuffixOf(
                    member, model, graph => Rent($"{prefix.Fingerprint} {member.Fingerprint}", graph)))]);
            var earlier = members.Select(model => model.Unit).FirstOrDefault(unit => unit.Name == name);
            return new HostedUnit(
                name, members,
                members[0].Configuration with
                {
                    MaxBatchSize = rows,
                    ObjectiveMs = members.Max(model => model.Configuration.ObjectiveMs),
                },
                new UnitPrograms(new ModelSource(name, "1", name, null), null, programs, () => Return(rented)))
            {
                Earlier = earlier,
            };
        }
        catch
        {
            Return(rented);
            throw;
        }
    }

    private void Return(List<CompiledModel> rented)
    {
        rented.ForEach(_cache.Return);
        rented.Clear();
    }

    private static PrefixSuffix SuffixOf(PrefixMember member, HostedModel model, Func<Graph, CompiledModel> compile)
    {
        var suffix = member.Suffix;
        var made = new List<(int, int)>();
        var computed = new List<int>();
        foreach (var (index, output) in suffix.Outputs.Index())
        {
            var input = suffix.Inputs.IndexOf(output);
            if (input < 0)
            {
                computed.Add(index);
            }
            else
            {
                made.Add(member.Sources[input] is { IsPrefixOutput: true } source
                    ? (index, source.Index)
                    : throw new ModelException(ModelError.InvalidGraph,
                        $"output '{output.Name}' of '{model.Name}' is one of its inputs"));
            }
        }

        var own = new Graph { Name = suffix.Name, Nodes = suffix.Nodes };
        own.Inputs.AddRange(suffix.Inputs);
        own.Outputs.AddRange(computed.Select(index => suffix.Outputs[index]));
        return new PrefixSuffix
        {
            Model = model.Metadata.Name,
            Outputs = model.Whole.Outputs,
            Program = computed.Count > 0 ? compile(own) : null,
            Sources = member.Sources,
            Computed = computed,
            Made = made,
            MaxBatch = Math.Max(1, model.Configuration.MaxBatchSize),
            Share = member.Share,
        };
    }

    private static string KindOf(HostedModel model) =>
        $"{model.Configuration.Class}\n{string.Join('\n', model.Configuration.Devices.Order(StringComparer.Ordinal))}";

    /// <summary>
    /// Groups of one backbone that differ in class or devices have names of their own, so that plans keep them apart.
    /// </summary>
    private static string NameOf(SharedPrefix prefix, string kind)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{prefix.Fingerprint}\n{kind}"));
        return $"prefix:{Convert.ToHexStringLower(hash)[..12]}";
    }
}
