using System.Buffers;
using System.Text;
using System.Text.Json;
using Google.Protobuf;

namespace Atoll.Serving;

/// <summary>
/// Makes a message from the JSON that REST answers with: the protocol gives both the same names, so that what they say
/// can never differ.
/// </summary>
internal static class JsonMessage
{
    // A message may lack what only this server's own JSON tells.
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    /// <param name="write">Writes the members of one object.</param>
    public static T Parse<T>(Action<Utf8JsonWriter> write) where T : IMessage, new()
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return Parser.Parse<T>(Encoding.UTF8.GetString(bytes.WrittenSpan));
    }
}
