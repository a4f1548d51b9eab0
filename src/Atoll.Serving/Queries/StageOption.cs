namespace Atoll.Serving;

/// <summary>A choice for one stage: with at least this budget it needs this many devices. Milliseconds.</summary>
internal readonly record struct StageOption(double BudgetMs, double Devices, int Batch);

/// <summary>The choices worth making for each stage of a query.</summary>
internal static class StageOptions
{
    /// <summary>
    /// Budget ascending, devices descending; one list per stage. A stage without any choice has an empty list.
    /// </summary>
    public static StageOption[][] Of(
        Query query, ProfileTable profiles, IReadOnlyList<DeviceKind> kinds, BudgetRule rule)
    {
        var options = new StageOption[query.Stages.Count][];
        for (var i = 0; i < options.Length; i++)
        {
            var stage = query.Stages[i];
            var found = kinds.Select(kind => (Profile: profiles.Find(stage.Model, kind.Name), Kind: kind))
                .Where(pair => pair.Profile is not null).ToList();
            if (found.Count == 0)
            {
                throw new ServingException(
                    ServingError.InvalidPlan,
                    $"query '{query.Name}', stage '{stage.Name}': model '{stage.Model}' has no profile for any kind " +
                        $"of device");
            }

            var perMs = query.Rates[i] / 1000;
            options[i] = Best(found.SelectMany(pair => Of(pair.Profile!, pair.Kind, perMs, rule)));
            if (options[i].Length == 0)
            {
                throw new ServingException(
                    ServingError.InvalidPlan,
                    $"query '{query.Name}', stage '{stage.Name}': model '{stage.Model}' fits no device's memory");
            }
        }

        return options;
    }

    /// <summary>Leaves out choices that cost more time and no fewer devices than another.</summary>
    public static StageOption[] Best(IEnumerable<StageOption> options)
    {
        var best = new List<StageOption>();
        foreach (var option in options.OrderBy(option => option.BudgetMs).ThenBy(option => option.Devices))
        {
            if (best.Count == 0 || option.Devices < best[^1].Devices * (1 - 1e-12))
            {
                best.Add(option);
            }
        }

        return [.. best];
    }

    private static IEnumerable<StageOption> Of(BatchProfile profile, DeviceKind kind, double perMs, BudgetRule rule)
    {
        var host = (profile.Preprocessing + profile.Postprocessing).TotalMilliseconds;
        foreach (var batch in profile.Batches.ToArray())
        {
            if (profile.Memory(batch) > MemoryLimit.Of(kind))
            {
                continue;
            }

            var execution = profile.Latency(batch).TotalMilliseconds;
            var gathering = rule switch
            {
                BudgetRule.Gathering => Math.Max(execution, batch == 1 || perMs <= 0 ? 0 : (batch - 1) / perMs),
                BudgetRule.TwiceExecution => execution,
                _ => 0,
            };
            yield return new StageOption(host + gathering + execution, perMs * execution / batch, batch);
        }
    }
}
