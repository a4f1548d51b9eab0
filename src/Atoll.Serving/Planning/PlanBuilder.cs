namespace Atoll.Serving;

/// <summary>Gathers devices, loads without place and reasons into a <see cref="ServingPlan"/>.</summary>
internal sealed class PlanBuilder(PlanPolicy policy, PlanRequest request)
{
    private readonly List<(int Kind, int Index, DevicePlan Plan)> _devices = [];
    private readonly List<UnplacedLoad> _unplaced = [];
    private readonly List<string> _lines = [];

    public double UnplacedRate => _unplaced.Sum(load => load.Rate);

    public void Add(int kind, int index, DevicePlan device) => _devices.Add((kind, index, device));

    public void Explain(string line) => _lines.Add(line);

    public void Refuse(SessionSpec session, double rate, string reason)
    {
        _unplaced.Add(new UnplacedLoad(session.Name, rate, reason));
        Explain($"{session.Name}: {PlanText.Rate(rate)} not placed: {reason}");
    }

    public ServingPlan Build(double fluidBound)
    {
        var devices = _devices.OrderBy(d => d.Kind).ThenBy(d => d.Index).Select(d => d.Plan).ToList();
        return new ServingPlan
        {
            Policy = policy,
            Devices = devices,
            FluidBound = fluidBound,
            Unplaced = _unplaced,
            Moves = request.Previous is { } previous ? PlanMoves.Count(previous, devices) : 0,
            Explanation = _lines,
        };
    }
}
