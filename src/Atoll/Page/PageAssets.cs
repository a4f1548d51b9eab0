using Atoll.Serving;

namespace Atoll;

/// <summary>The files of the page's shell by path; rooms add their own script under /api/ROOM.</summary>
internal static class PageAssets
{
    public static IReadOnlyDictionary<string, StaticAsset> Load() => new Dictionary<string, StaticAsset>
    {
        ["/"] = Embedded("index.html"),
        ["/page/page.css"] = Embedded("page.css"),
        ["/page/page.js"] = Embedded("page.js"),
        ["/page/atoll.svg"] = Embedded("atoll.svg"),
    };

    private static StaticAsset Embedded(string name) =>
        StaticAsset.Embedded(typeof(PageAssets).Assembly, $"page/{name}");
}
