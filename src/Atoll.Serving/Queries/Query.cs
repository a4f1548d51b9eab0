namespace Atoll.Serving;

/// <summary>How a stage with several stages before it fires.</summary>
public enum StageJoin
{
    /// <summary>Once all inputs are there: as often as the most frequent of the stages before it hands on.</summary>
    All,

    /// <summary>For each input on its own, such as after alternative branches: the rates add up.</summary>
    Any,
}

/// <summary>One model of a query.</summary>
public sealed record QueryStage(string Name, string Model, StageJoin Join = StageJoin.All);

/// <summary>
/// Results of one stage are inputs of another. Gamma is the mean number of inputs per result (objects in a picture);
/// probability is how often the branch is taken at all.
/// </summary>
public sealed record QueryEdge(string From, string To, double Gamma = 1, double Probability = 1)
{
    /// <summary>
    /// The output of the earlier stage that holds crop windows, one input per window; null: outputs go on as they are.
    /// </summary>
    public string? Crops { get; init; }
}

/// <summary>
/// A graph of models without cycles that answers one request, within one objective, at so many requests per second.
/// Made by <see cref="QueryBuilder"/>, which checks it. Immutable.
/// </summary>
public sealed class Query
{
    internal Query(string name, TimeSpan objective, double rate, IReadOnlyList<QueryStage> ordered, QueryEdge[] edges)
    {
        Name = name;
        Objective = objective;
        Rate = rate;
        Stages = ordered;
        Edges = edges;
        var index = ordered.Select((stage, i) => (stage.Name, i)).ToDictionary(pair => pair.Name, pair => pair.i);
        Before =
            [.. ordered.Select(stage => edges.Where(e => e.To == stage.Name).Select(e => index[e.From]).ToArray())];
        After = [.. ordered.Select(stage => edges.Where(e => e.From == stage.Name).Select(e => index[e.To]).ToArray())];
        Rates = RatesOf(ordered, edges, index, rate);
    }

    public string Name { get; }

    public TimeSpan Objective { get; }

    /// <summary>Requests per second to the whole query.</summary>
    public double Rate { get; }

    /// <summary>The stages, each after all that it depends on.</summary>
    public IReadOnlyList<QueryStage> Stages { get; }

    public IReadOnlyList<QueryEdge> Edges { get; }

    /// <summary>For each stage, in the order of <see cref="Stages"/>, its inputs per second.</summary>
    public IReadOnlyList<double> Rates { get; }

    /// <summary>True if no stage waits for two others: the paper's dynamic program applies.</summary>
    public bool IsTree => Before.All(stages => stages.Length <= 1) && Before.Count(stages => stages.Length == 0) == 1;

    internal IReadOnlyList<int[]> Before { get; }

    internal IReadOnlyList<int[]> After { get; }

    private static double[] RatesOf(
        IReadOnlyList<QueryStage> stages, QueryEdge[] edges, Dictionary<string, int> index, double rate)
    {
        var rates = new double[stages.Count];
        for (var i = 0; i < rates.Length; i++)
        {
            var inputs = edges.Where(edge => edge.To == stages[i].Name)
                .Select(edge => rates[index[edge.From]] * edge.Gamma * edge.Probability).ToList();
            rates[i] = inputs.Count == 0 ? rate : stages[i].Join == StageJoin.All ? inputs.Max() : inputs.Sum();
        }

        return rates;
    }
}
