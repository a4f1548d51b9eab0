using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed partial class PipeliningTests
{
    private const int Requests = 50;

    [Fact]
    public async Task Requests_sent_in_one_go_are_answered_in_order_and_none_begins_where_others_end()
    {
        var model = new FakeModel(FakeModel.Describe("m", ElementType.Float32, 1)) { EndsAsDevice = true };
        await using var server = await TestServer.StartAsync(model);
        using var connection = new TcpClient();
        await connection.ConnectAsync(
            server.Host.Url.Host, server.Host.Url.Port, TestContext.Current.CancellationToken);

        await connection.GetStream().WriteAsync(
            Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, Requests).Select(Request))),
            TestContext.Current.CancellationToken);
        using var reader = new StreamReader(connection.GetStream(), Encoding.ASCII);
        var answers = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.Equal(
            Enumerable.Range(0, Requests).Select(i => $"{i}"),
            Identifier().Matches(answers).Select(match => match.Groups[1].Value));
        Assert.Equal(Requests, Status().Count(answers));
        Assert.False(model.BegunWhereOthersEnd);
    }

    private static string Request(int number)
    {
        var body = $$"""
            {"id":"{{number}}","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[{{number}}]}]}
            """;
        var connection = number == Requests - 1 ? "close" : "keep-alive";
        return $"POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n" +
            $"Content-Length: {body.Length}\r\n\r\n{body}";
    }

    [GeneratedRegex("\"id\":\"(\\d+)\"")]
    private static partial Regex Identifier();

    [GeneratedRegex("HTTP/1.1 200 OK")]
    private static partial Regex Status();
}
