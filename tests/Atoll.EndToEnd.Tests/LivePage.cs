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

    private LivePage(IPlaywright playwright, IBrowserContext browser, DirectoryInfo profile, IPage page)
    {
        _playwright = playwright;
        _browser = browser;
        _profile = profile;
        Page = page;
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
        var live = new LivePage(playwright, browser, profile, await browser.NewPageAsync());
        await live.Page.GotoAsync(url.ToString());
        return live;
    }

    /// <summary>Drawings that got no answer and were made once more: a browser without a CPU loses strokes.</summary>
    public int Redrawn { get; private set; }

    /// <summary>Draws the digit with the mouse on a clean pad and waits for the answer to the last stroke.</summary>
    public async Task<(string Digit, double Milliseconds)> DrawAsync(int digit)
    {
        try
        {
            return await DrawOnceAsync(digit);
        }
        catch (TimeoutException)
        {
            Redrawn++;
            return await DrawOnceAsync(digit);
        }
    }

    private async Task<(string Digit, double Milliseconds)> DrawOnceAsync(int digit)
    {
        await Page.ClickAsync("#clear");
        var box = await Page.Locator("#pad").BoundingBoxAsync() ?? throw new InvalidOperationException("no pad");
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

        var latency = Page.Locator($"#latency[data-strokes='{strokes.Count}']");
        await latency.WaitForAsync();
        var milliseconds = await latency.GetAttributeAsync("data-ms");
        return (await Page.TextContentAsync("#digit") ?? "", double.Parse(milliseconds!, CultureInfo.InvariantCulture));

        float X((double X, double Y) point) => (float)(box.X + (point.X * box.Width));
        float Y((double X, double Y) point) => (float)(box.Y + (point.Y * box.Height));
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
        _profile.Delete(recursive: true);
    }
}
