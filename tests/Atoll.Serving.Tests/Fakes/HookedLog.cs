using Microsoft.Extensions.Logging;

namespace Atoll.Serving.Tests;

/// <summary>A log that lets a test act at the moment of the first warning.</summary>
internal sealed class HookedLog : ILoggerFactory, ILogger
{
    private readonly TaskCompletionSource _warned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Action? OnWarning { get; set; }

    /// <summary>Ends once the hook has run.</summary>
    public Task Warned => _warned.Task;

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (!_warned.Task.IsCompleted)
        {
            OnWarning?.Invoke();
            _warned.TrySetResult();
        }
    }

    public void Dispose()
    {
    }
}
