namespace Atoll.Wire.Tests;

/// <summary>
/// The small text forms of the protocol: timeouts, percent-encoded messages, metadata, content types.
/// </summary>
public sealed class ProtocolTextTests
{
    [Theory]
    [InlineData("100m", 0.1)]
    [InlineData("1H", 3600)]
    [InlineData("2M", 120)]
    [InlineData("3S", 3)]
    [InlineData("5u", 0.000005)]
    [InlineData("100n", 0.0000001)]
    [InlineData("99999999H", 99999999.0 * 3600)]
    public void Timeouts_are_read(string text, double seconds)
    {
        Assert.True(GrpcTimeout.TryDecode(text, out var timeout));
        Assert.Equal(seconds, timeout.TotalSeconds, seconds * 1e-9);
    }

    [Theory]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-1m")]
    [InlineData("1x")]
    [InlineData("1")]
    [InlineData("123456789m")]
    [InlineData(" 1m")]
    [InlineData("1.5S")]
    public void Other_timeouts_are_refused(string text) => Assert.False(GrpcTimeout.TryDecode(text, out _));

    [Fact]
    public void Timeouts_are_written_rounded_up_and_never_shorter()
    {
        var random = new Random(11);
        for (var i = 0; i < 2000; i++)
        {
            var timeout = TimeSpan.FromTicks((long)double.Exp(random.NextDouble() * 42));
            var text = GrpcTimeout.Encode(timeout);
            Assert.True(GrpcTimeout.TryDecode(text, out var read), text);
            Assert.InRange(read, timeout, (timeout * 1.00002) + TimeSpan.FromMicroseconds(1));
        }
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("50%", "50%25")]
    [InlineData("a\nb", "a%0Ab")]
    [InlineData("é", "%C3%A9")]
    public void Messages_are_percent_encoded(string text, string encoded)
    {
        Assert.Equal(encoded, PercentEncoding.Encode(text));
        Assert.Equal(text, PercentEncoding.Decode(encoded));
    }

    [Theory]
    [InlineData("%", "%")]
    [InlineData("%G1", "%G1")]
    [InlineData("a%4", "a%4")]
    [InlineData("%41", "A")]
    public void Broken_percent_codes_stay(string encoded, string text) =>
        Assert.Equal(text, PercentEncoding.Decode(encoded));

    [Fact]
    public void Long_messages_are_cut() =>
        Assert.InRange(PercentEncoding.Encode(new string('x', 100_000)).Length, 4000, 5000);

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("application/grpc; charset=utf-8", true)]
    [InlineData("application/grpc+json", false)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/json", false)]
    [InlineData(null, false)]
    public void Content_types_are_told_apart(string? contentType, bool grpc) =>
        Assert.Equal(grpc, GrpcHeaders.IsGrpc(contentType));

    [Theory]
    [InlineData("Upper", "a")]
    [InlineData("grpc-mine", "a")]
    [InlineData("content-type", "a")]
    [InlineData("x-line", "a\nb")]
    [InlineData("x-data-bin", "a")]
    public void Metadata_that_cannot_be_sent_is_refused(string name, string value) =>
        Assert.Throws<ArgumentException>(() => new GrpcMetadata().Add(name, value));
}
