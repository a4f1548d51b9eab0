using System.Text;
using System.Text.Json;
using Microsoft.Playwright;

namespace Atoll.EndToEnd.Tests;

/// <summary>What a page and its server know when something that was expected did not come.</summary>
internal sealed class PageReport(IPage page, Uri server, IReadOnlyList<string> problems)
{
    // The last pointer events with their targets: did the strokes arrive, and did they hit the pad?
    private const string Recorder =
        """
        window.pointerLog = [];
        for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "click"]) {
          addEventListener(kind, event => {
            const target = event.target.id || event.target.nodeName;
            const [x, y] = [Math.round(event.clientX), Math.round(event.clientY)];
            pointerLog.push(`${Math.round(performance.now())} ${kind} ${target} ${x},${y}`);
            pointerLog.splice(0, pointerLog.length - 60);
          }, true);
        }
        """;

    private const string State =
        """
        () => {
          const box = document.getElementById("pad").getBoundingClientRect();
          return JSON.stringify({
            now: Math.round(performance.now()),
            latency: document.getElementById("latency").outerHTML,
            digit: document.getElementById("digit").textContent,
            connection: document.getElementById("connection").textContent,
            pad: [box.left, box.top, box.width, box.height].map(Math.round),
            scroll: Math.round(scrollY),
            visibility: document.visibilityState,
            awaiting: atoll.busy,
            pointer: window.pointerLog,
          }, null, 1);
        }
        """;

    /// <summary>Records pointer events from the next navigation on.</summary>
    public Task RecordAsync() => page.AddInitScriptAsync(Recorder);

    /// <summary>The page's state, its last pointer events, its problems, a screenshot's path and the server's counts of
    /// the model.</summary>
    public async Task<string> WriteAsync(string model)
    {
        var text = new StringBuilder();
        await AppendAsync(text, "page", async () => await page.EvaluateAsync<string>(State));
        text.AppendLine($"problems: {JsonSerializer.Serialize(problems)}");
        await AppendAsync(text, "screenshot", async () =>
        {
            var path = Path.Combine(AppContext.BaseDirectory, $"page-{Guid.NewGuid():n}.png");
            await page.ScreenshotAsync(new() { Path = path });
            return path;
        });
        await AppendAsync(text, "server", async () =>
        {
            using var http = new HttpClient { BaseAddress = server };
            var lines = (await http.GetStringAsync("/metrics")).Split('\n');
            return string.Join('\n', lines.Where(line => !line.StartsWith('#') && !line.Contains("_bucket")
                && !line.EndsWith(" 0") && (line.Contains($"\"{model}\"") || line.StartsWith("atoll_http"))));
        });
        return text.ToString();
    }

    // A page or a server that does not answer is a finding too.
    private static async Task AppendAsync(StringBuilder text, string what, Func<Task<string>> read)
    {
        try
        {
            text.AppendLine($"{what}: {await read().WaitAsync(TimeSpan.FromSeconds(15))}");
        }
        catch (Exception e) when (e is PlaywrightException or TimeoutException or HttpRequestException)
        {
            text.AppendLine($"{what}: {e.Message}");
        }
    }
}
