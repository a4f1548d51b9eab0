using System.Globalization;
using Microsoft.Playwright;

namespace Atoll.EndToEnd.Tests;

/// <summary>A real browser with the live page open.</summary>
internal sealed class LivePage : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    private static readonly string[] Arguments =
    [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update",
    ];

    private readonly IPlaywright _playwright;
    private readonly IBrowserContext _browser;
    private readonly DirectoryInfo _profile;
    private readonly PageReport _report;

    private LivePage(IPlaywright playwright, IBrowserContext browser, DirectoryInfo profile, IPage page, Uri server)
    {
        _playwright = playwright;
        _browser = browser;
        _profile = profile;
        Page = page;
        _report = new PageReport(page, server, Problems);
        page.Console += (_, message) => Problems.AddRange(message.Type == "error" ? [message.Text] : []);
        page.PageError += (_, error) => Problems.Add(error);
    }

    public IPage Page { get; }

    /// <summary>Errors that the page wrote to its console or threw.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Opens the page, or skips the test where there is no browser.</summary>
    public static async Task<LivePage> OpenAsync(Uri url)
    {
        Assert.SkipUnless(File.Exists(Chromium), $"no browser: {Chromium} is absent (Debian package chromium)");
        var playwright = await Playwright.CreateAsync();
        var profile = Directory.CreateTempSubdirectory("atoll-browser-");
        var browser = await playwright.Chromium.LaunchPersistentContextAsync(profile.FullName, new()
        {
            ExecutablePath = Chromium,
            Headless = true,
            Args = Arguments,
        });
        var live = new LivePage(playwright, browser, profile, await browser.NewPageAsync(), url);
        await live._report.RecordAsync();
        await live.Page.GotoAsync(url.ToString());
        return live;
    }

    /// <summary>Draws the digit with the mouse on a clean pad and waits for the answer to the last stroke.</summary>
    public async Task<(string Digit, double Milliseconds)> DrawAsync(int digit)
    {
        await Page.ClickAsync("#clear");
        var pad = Page.Locator("#pad");
        await pad.ScrollIntoViewIfNeededAsync();
        var box = await pad.BoundingBoxAsync() ?? throw new InvalidOperationException("no pad");
        var strokes = DigitStrokes.Of(digit);
        foreach (var stroke in strokes)
        {
            await Page.Mouse.MoveAsync(X(stroke[0]), Y(stroke[0]));
            await Page.Mouse.DownAsync();
            foreach (var point in stroke[1..])
            {
                await Page.Mouse.MoveAsync(X(point), Y(point));
            }

            await Page.Mouse.UpAsync();
        }

        var latency = await AnswerAsync(digit, strokes.Count);
        var milliseconds = await latency.GetAttributeAsync("data-ms");
        return (await Page.TextContentAsync("#digit") ?? "", double.Parse(milliseconds!, CultureInfo.InvariantCulture));

        float X((double X, double Y) point) => (float)(box.X + (point.X * box.Width));
        float Y((double X, double Y) point) => (float)(box.Y + (point.Y * box.Height));
    }

    private async Task<ILocator> AnswerAsync(int digit, int strokes)
    {
        var answer = Page.Locator($"#latency[data-strokes='{strokes}'], #latency[data-failed='{strokes}']");
        try
        {
            await answer.WaitForAsync();
        }
        catch (TimeoutException)
        {
            Assert.Fail($"no answer to the drawing of {digit}\n{await _report.WriteAsync("digits")}");
        }

        if (await answer.GetAttributeAsync("data-failed") is not null)
        {
            Assert.Fail($"the drawing of {digit} was refused\n{await _report.WriteAsync("digits")}");
        }

        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        _profile.Delete(recursive: true);
    }
}
