namespace Atoll.Serving;

/// <summary>A stream of arrival times, ascending, without end.</summary>
internal interface IArrivals
{
    TimeSpan Next();
}
