using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>
/// A folder of models that are text files; each load makes a fake whose output is the number in its file, so that a
/// test sees which file answered. The text `broken` fails to load.
/// </summary>
internal sealed class FakeRepository : IModelLoader, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-repository-");
    private readonly List<FakeModel> _made = [];
    private readonly SemaphoreSlim _loaded = new(0);

    public string Folder => _folder.FullName;

    /// <summary>Every model that was ever loaded, oldest first.</summary>
    public IReadOnlyList<FakeModel> Made
    {
        get
        {
            lock (_made)
            {
                return [.. _made];
            }
        }
    }

    public bool Gated { get; set; }

    /// <summary>Runs before a model is loaded.</summary>
    public Func<ModelSource, Task>? OnLoading { get; set; }

    /// <summary>Loads that were tried, failed ones too.</summary>
    public int Attempts { get; private set; }

    /// <summary>Forgets the only model that was made.</summary>
    public WeakReference<FakeModel> TakeOne()
    {
        lock (_made)
        {
            var model = new WeakReference<FakeModel>(Assert.Single(_made));
            _made.Clear();
            return model;
        }
    }

    public void Write(string path, string text)
    {
        var file = Path.Combine(Folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    /// <summary>Waits for nothing: the time of the file is set so that it differs from every time before.</summary>
    public void Touch(string path, int second) => File.SetLastWriteTimeUtc(
        Path.Combine(Folder, path), new DateTime(2026, 1, 1, 0, 0, second, DateTimeKind.Utc));

    public void Delete(string path) => Directory.Delete(Path.Combine(Folder, path), recursive: true);

    public async Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken)
    {
        Attempts++;
        await (OnLoading?.Invoke(source) ?? Task.CompletedTask);
        var text = await File.ReadAllTextAsync(source.Path, cancellationToken);
        if (text == "broken")
        {
            throw new InvalidDataException("the text says broken");
        }

        var model = new FakeModel(FakeModel.Describe(source.Name, ElementType.Float32, -1, 1))
        {
            OutputValue = float.Parse(text),
            Gated = Gated,
        };
        lock (_made)
        {
            _made.Add(model);
        }

        _loaded.Release();
        return model;
    }

    /// <summary>Returns when one more model was loaded.</summary>
    public Task LoadedAsync() => _loaded.WaitAsync(TestContext.Current.CancellationToken);

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _loaded.Dispose();
    }
}
