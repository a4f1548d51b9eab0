namespace Atoll.Models.Tests;

public sealed class DigitsTests(ITestOutputHelper output)
{
    private const int Canvas = 280;

    // Drawn for this test as a person would with a mouse on a 280x280 canvas; not among the glyphs that the fit draws.
    private static readonly string[] Drawings =
    [
        "140,60 110,75 92,110 90,150 100,190 130,215 165,205 185,170 188,125 175,85 150,62 140,60",
        "120,90 150,60 148,120 147,180 146,220",
        "95,95 115,65 155,60 178,85 170,120 140,155 105,195 90,215 130,213 190,212",
        "100,70 140,58 172,75 165,110 135,128 170,140 182,180 155,212 115,215 92,200",
        "150,55 120,100 92,150 140,152 195,150 / 160,110 158,160 155,225",
        "180,65 110,66 105,120 145,112 178,135 180,180 150,212 100,205",
        "165,60 130,85 105,130 98,175 115,210 150,215 175,190 168,155 135,148 105,170",
        "90,70 140,68 190,66 165,120 140,170 125,220",
        "170,80 140,60 108,75 115,110 150,135 178,170 160,212 120,215 98,185 120,145 160,115 172,85",
        "172,90 145,62 110,75 105,110 135,130 165,115 174,85 172,140 165,185 150,222",
    ];

    [Fact]
    public void Digits_recognises_drawings_that_it_has_not_seen()
    {
        using var folder = new ModelFolder();
        var report = SampleModels.Create("digits", folder.At("digits.onnx"), new SampleModelOptions());
        output.WriteLine($"held-out accuracy {report.HeldOutAccuracy:p2}, {report.Bytes} bytes");
        Assert.True(report.HeldOutAccuracy >= 0.97, $"held-out accuracy is {report.HeldOutAccuracy:p2}");
        OnnxRuntimePeer.SkipIfAbsent();
        foreach (var brush in (float[])[7, 11, 16])
        {
            var inputs = Drawings.Select(d => Input(Draw(d, brush))).ToList();
            var answers = OnnxRuntimePeer.Run(folder.At("digits.onnx"), inputs)
                .Select(o => Best(o["probabilities"])).ToList();
            output.WriteLine($"brush {brush}: {string.Join(", ", answers)}");
            Assert.Equal(Enumerable.Range(0, 10), answers.Select(a => a.Digit));
        }
    }

    [Fact]
    public void Digits_is_the_same_for_the_same_seed()
    {
        using var folder = new ModelFolder();
        var options = new SampleModelOptions { Width = 0.5, Seed = 7 };
        SampleModels.Create("digits", folder.At("a.onnx"), options);
        SampleModels.Create("digits", folder.At("b.onnx"), options);
        Assert.Equal(File.ReadAllBytes(folder.At("a.onnx")), File.ReadAllBytes(folder.At("b.onnx")));
    }

    [Fact]
    public void Place_and_size_of_a_drawing_do_not_matter()
    {
        var large = new float[Canvas * Canvas];
        var small = new float[Canvas * Canvas];
        Fill(large, left: 40, top: 20, width: 80, height: 200);
        Fill(small, left: 200, top: 150, width: 20, height: 50);
        var expected = Image(large);
        Assert.Equal(expected, Image(small), (a, b) => Math.Abs(a - b) < 1e-4);
        Assert.Equal(8 * 20, expected.Sum(), 1e-2);
        Assert.Equal(1, expected[(14 * 28) + 14], 1e-4);
        Assert.Equal(0, expected[(14 * 28) + 8], 1e-4);
    }

    [Fact]
    public void Blank_and_broken_drawings_give_a_blank_image()
    {
        Assert.All(Image(new float[Canvas * Canvas]), v => Assert.Equal(0, v));
        Assert.Throws<ArgumentException>(() => DigitImage.FromDrawing(new float[5], 2, 2, new float[784]));
        Assert.Throws<ArgumentException>(() => DigitImage.FromDrawing(new float[4], 2, 2, new float[783]));
    }

    private static void Fill(float[] ink, int left, int top, int width, int height)
    {
        for (var y = top; y < top + height; y++)
        {
            ink.AsSpan((y * Canvas) + left, width).Fill(1);
        }
    }

    private static float[] Image(float[] ink)
    {
        var image = new float[DigitImage.Side * DigitImage.Side];
        DigitImage.FromDrawing(ink, Canvas, Canvas, image);
        return image;
    }

    private static Dictionary<string, Tensor> Input(float[] ink) =>
        new() { ["input"] = Tensor.Float([1, 1, DigitImage.Side, DigitImage.Side], Image(ink)) };

    private static (int Digit, float Probability) Best(Tensor probabilities)
    {
        var values = probabilities.AsSpan<float>().ToArray();
        return (Array.IndexOf(values, values.Max()), values.Max());
    }

    private static float[] Draw(string strokes, float radius)
    {
        var ink = new float[Canvas * Canvas];
        foreach (var stroke in strokes.Split(" / "))
        {
            var points = stroke.Split(' ').Select(p => p.Split(',').Select(float.Parse).ToArray()).ToList();
            foreach (var (from, to) in points.Zip(points.Skip(1)))
            {
                for (var step = 0; step <= 40; step++)
                {
                    var share = step / 40f;
                    Stamp(ink, from[0] + (share * (to[0] - from[0])), from[1] + (share * (to[1] - from[1])), radius);
                }
            }
        }

        return ink;
    }

    private static void Stamp(float[] ink, float centreX, float centreY, float radius)
    {
        for (var y = (int)(centreY - radius); y <= centreY + radius; y++)
        {
            for (var x = (int)(centreX - radius); x <= centreX + radius; x++)
            {
                if (((x - centreX) * (x - centreX)) + ((y - centreY) * (y - centreY)) <= radius * radius)
                {
                    ink[(y * Canvas) + x] = 1;
                }
            }
        }
    }
}
