namespace Atoll.Serving;

/// <summary>What GET /metrics tells of sessions and their devices.</summary>
internal static class SessionMetrics
{
    public static void Write(PrometheusText text, DirectorStatus status)
    {
        text.Describe("atoll_session_requests_total", "counter", "Requests of a session by what became of them.");
        foreach (var session in status.Sessions)
        {
            WriteCounts(text, session);
        }

        Gauge(text, status, "atoll_session_goodput", "Rows per second answered within the objective.",
            session => session.Goodput);
        Gauge(text, status, "atoll_session_rate", "Rows per second that come.", session => session.Rate);
        Gauge(text, status, "atoll_session_queue_depth", "Requests that wait for a batch.", session => session.Depth);
        WriteBatches(text, status);
        text.Describe("atoll_session_prefix_info", "gauge", "1 for each session whose model shares a prefix.");
        foreach (var session in status.Sessions.Where(session => session.Prefix is not null))
        {
            text.Sample("atoll_session_prefix_info",
                PrometheusText.Labels(("session", session.Name), ("prefix", session.Prefix!)), 1);
        }

        text.Describe("atoll_lane_busy_seconds_total", "counter", "Time that a device spent on batches of sessions.");
        foreach (var device in status.Devices)
        {
            text.Sample("atoll_lane_busy_seconds_total",
                PrometheusText.Labels(("device", device.Name)), device.Busy.TotalSeconds);
        }
    }

    private static void WriteCounts(PrometheusText text, SessionStatus session)
    {
        var counts = session.Counts;
        (string Outcome, long Count)[] outcomes =
        [
            ("good", counts.Good), ("late", counts.Late), ("dropped", counts.Dropped), ("refused", counts.Refused),
            ("cancelled", counts.Cancelled), ("failed", counts.Failed), ("deferred", counts.Deferred),
        ];
        foreach (var (outcome, count) in outcomes)
        {
            text.Sample("atoll_session_requests_total",
                PrometheusText.Labels(("session", session.Name), ("outcome", outcome)), count);
        }
    }

    private static void Gauge(
        PrometheusText text, DirectorStatus status, string name, string help, Func<SessionStatus, double> value)
    {
        text.Describe(name, "gauge", help);
        foreach (var session in status.Sessions)
        {
            text.Sample(name, PrometheusText.Labels(("session", session.Name)), value(session));
        }
    }

    private static void WriteBatches(PrometheusText text, DirectorStatus status)
    {
        text.Describe("atoll_session_batches_total", "counter", "Batches of a session by their number of rows.");
        foreach (var session in status.Sessions)
        {
            foreach (var (rows, count) in session.Batches)
            {
                text.Sample("atoll_session_batches_total",
                    PrometheusText.Labels(("session", session.Name), ("rows", $"{rows}")), count);
            }
        }
    }
}
