using System.Runtime.InteropServices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>Queries whose stages look at crops of an image; the fake model gives its input back.</summary>
public sealed class CropQueryTests : IDisposable
{
    private const int Height = 48;
    private const int Width = 64;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-crops-");
    private readonly ManualClock _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _clock.Dispose();
    }

    [Fact]
    public async Task A_stage_gets_one_row_for_each_box_that_is_sure_enough()
    {
        await using var director = await DirectorAsync();
        await using var query = await director.LoadQueryAsync(Spec("scores: sure, at_least: 0.5"), Token);
        Assert.Equal(["frame", "boxes", "sure"], query.Metadata.Inputs.Select(input => input.Name));
        Assert.Equal([-1, 3, -1, -1], query.Metadata.Inputs[0].Shape);
        var frame = Frame();

        var outcome = await query.InferAsync(
            Request(frame, [0, 0, 32, 32, 9, 9, 20, 20, 32, 16, 64, 48, 5, 0, 37, 32], [0.9f, 0.1f, 0.5f, 1]), Token);

        using var outputs = outcome.Outputs!;
        Assert.Equal(3, outputs.Shape(0)[0]);
        float[] expected = [.. Part(frame, 0, 0), .. Part(frame, 32, 16), .. Part(frame, 5, 0)];
        Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(outputs.Data(0)).ToArray());
    }

    [Fact]
    public async Task Without_a_box_the_stage_is_not_run_and_boxes_of_no_image_are_the_requests_fault()
    {
        await using var director = await DirectorAsync();
        await using var query = await director.LoadQueryAsync(Spec("scores: sure, at_least: 0.5"), Token);

        var nothing = await query.InferAsync(Request(Frame(), [0, 0, 9, 9], [0.1f]), Token);
        var wrong = await query.InferAsync(Request(Frame(), [0, 0, 9, 9], [0.1f, 0.2f]), Token);

        using var outputs = nothing.Outputs!;
        Assert.Equal(0, outputs.Shape(0)[0]);
        Assert.Equal(InferenceStatus.Rejected, wrong.Status);
        Assert.Contains("1 boxes and 2 scores", wrong.Reason);
    }

    [Theory]
    [InlineData("scores: sure", "need each other")]
    [InlineData("relative: perhaps", "true or false")]
    [InlineData("size: 3", "'size' is unknown")]
    public void A_crop_that_is_described_wrongly_is_refused_by_name(string more, string why)
    {
        var refused = Assert.Throws<ServingException>(() => Spec(more));

        Assert.Contains(why, refused.Message);
    }

    [Fact]
    public async Task An_output_that_holds_no_boxes_is_refused_when_the_query_is_loaded()
    {
        await using var director = await DirectorAsync();
        var spec = Spec("relative: false");
        var boxes = new PipelineTensor("input", "first", "logits");
        var first = new PipelineStage("first", "look", [new PipelineTensor("input", null, "frame")]);
        var crop = spec.Stages[0].Inputs[0].Crop! with { Boxes = boxes };
        spec = spec with
        {
            Stages = [first, spec.Stages[0] with { Inputs = [spec.Stages[0].Inputs[0] with { Crop = crop }] }],
        };

        var refused = await Assert.ThrowsAsync<ServingException>(() => director.LoadQueryAsync(spec, Token));

        Assert.Contains("boxes must be FP32[...,4]", refused.Message);
    }

    private static PipelineSpec Spec(string more) => PipelineFile.Parse(
        $$"""
        objective_ms: 80
        stages:
          - name: look
            model: look
            inputs: {input: {image: frame, boxes: boxes, {{more}} } }
            gamma: 3
        outputs:
          seen: look.logits
        """,
        "traffic", "the test");

    private async Task<SessionDirector> DirectorAsync()
    {
        var director = new SessionDirector(
            [new FakeBackend("a")], new SessionDirectorOptions(), _clock, NullLoggerFactory.Instance);
        var path = Path.Combine(_folder.FullName, "look.onnx");
        SampleModels.Create("vgg19", path, new SampleModelOptions { Width = 0.02, Image = 32, Batch = 0 });
        await director.LoadAsync(
            new ModelSource("look", "1", path, null),
            new ModelConfiguration { MaxBatchSize = 2, ObjectiveMs = 100, QueueCapacity = 16 }, ModelLimits.Default,
                Token);
        return director;
    }

    private static float[] Frame() => [.. Enumerable.Range(0, 3 * Height * Width).Select(i => (float)(i % 1000))];

    /// <summary>32 by 32 pixels of every channel.</summary>
    private static IEnumerable<float> Part(float[] frame, int left, int top) =>
        from channel in Enumerable.Range(0, 3)
        from y in Enumerable.Range(top, 32)
        from x in Enumerable.Range(left, 32)
        select frame[(((channel * Height) + y) * Width) + x];

    private static InferenceRequest Request(float[] frame, float[] boxes, float[] scores)
    {
        var request = new InferenceRequest
        {
            Inputs =
            [
                new InputTensor([1, 3, Height, Width], Bytes(frame)),
                new InputTensor([boxes.Length / 4, 4], Bytes(boxes)),
                new InputTensor([scores.Length], Bytes(scores)),
            ],
        };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        return request;
    }

    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
