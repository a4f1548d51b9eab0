using System.Numerics;

namespace Atoll.Models;

/// <summary>
/// Draws digits as a person does with a mouse: a variant of the digit with shaken points, slanted, turned and
/// stretched, bent by a smooth wave, of any size and place on the canvas, with a round pen of varying thickness; then
/// <see cref="DigitImage"/> and a little noise.
/// </summary>
internal sealed class DigitRenderer
{
    private const int Canvas = 112;
    private const int CurveSteps = 6;

    private readonly float[] _canvas = new float[Canvas * Canvas];

    /// <summary>Fills <paramref name="image"/> (28x28) with a drawing of <paramref name="digit"/>.</summary>
    public void Draw(int digit, Random random, Span<float> image)
    {
        var variants = DigitGlyphs.All[digit];
        var strokes = variants[random.Next(variants.Length)];
        var pen = new Distortion(random, Canvas);
        Array.Clear(_canvas);
        foreach (var stroke in strokes)
        {
            DrawStroke(stroke, random, pen);
        }

        var box = DigitImage.Box + Between(random, -2.5f, 1.5f);
        (float, float) shift = (Between(random, -1.5f, 1.5f), Between(random, -1.5f, 1.5f));
        DigitImage.FromDrawing(_canvas, (Canvas, Canvas), image, box, shift);
        var noise = Between(random, 0, 0.06f);
        foreach (ref var pixel in image)
        {
            pixel = Math.Clamp(pixel + Between(random, -noise, noise), 0, 1);
        }
    }

    private void DrawStroke(PenStroke stroke, Random random, Distortion pen)
    {
        var points = Array.ConvertAll(stroke.Points, p => p + (Shake(random) * 0.03f));
        var path = stroke.Smooth ? Curve(points) : Corners(points);
        var last = pen.Place(path[0] + (Shake(random) * 0.004f));
        for (var i = 1; i < path.Count; i++)
        {
            var next = pen.Place(path[i] + (Shake(random) * 0.004f));
            Segment(last, next, pen.Radius);
            last = next;
        }
    }

    /// <summary>A Catmull-Rom curve through the points.</summary>
    private static List<Vector2> Curve(Vector2[] points)
    {
        List<Vector2> path = [points[0]];
        for (var i = 0; i + 1 < points.Length; i++)
        {
            var before = points[Math.Max(0, i - 1)];
            var after = points[Math.Min(points.Length - 1, i + 2)];
            for (var step = 1; step <= CurveSteps; step++)
            {
                var t = step / (float)CurveSteps;
                path.Add(0.5f * ((2 * points[i]) + ((points[i + 1] - before) * t) +
                    (((2 * before) - (5 * points[i]) + (4 * points[i + 1]) - after) * (t * t)) +
                    (((3 * points[i]) - before - (3 * points[i + 1]) + after) * (t * t * t))));
            }
        }

        return path;
    }

    /// <summary>Straight lines, with points between so that the wave can bend them.</summary>
    private static List<Vector2> Corners(Vector2[] points)
    {
        List<Vector2> path = [points[0]];
        for (var i = 0; i + 1 < points.Length; i++)
        {
            for (var step = 1; step <= CurveSteps; step++)
            {
                path.Add(Vector2.Lerp(points[i], points[i + 1], step / (float)CurveSteps));
            }
        }

        return path;
    }

    private void Segment(Vector2 from, Vector2 to, float radius)
    {
        var reach = radius + 1;
        var along = to - from;
        var squared = Math.Max(along.LengthSquared(), 1e-6f);
        var (top, bottom) = Range(from.Y, to.Y, reach);
        var (left, right) = Range(from.X, to.X, reach);
        for (var y = top; y <= bottom; y++)
        {
            for (var x = left; x <= right; x++)
            {
                var offset = new Vector2(x + 0.5f, y + 0.5f) - from;
                var share = Math.Clamp(Vector2.Dot(offset, along) / squared, 0, 1);
                var ink = Math.Clamp(radius + 0.5f - (offset - (along * share)).Length(), 0, 1);
                ref var pixel = ref _canvas[(y * Canvas) + x];
                pixel = Math.Max(pixel, ink);
            }
        }
    }

    private static (int Low, int High) Range(float a, float b, float reach) =>
        (Math.Max(0, (int)(Math.Min(a, b) - reach)), Math.Min(Canvas - 1, (int)(Math.Max(a, b) + reach)));

    private static Vector2 Shake(Random random) => new(Bell(random), Bell(random));

    private static float Between(Random random, float low, float high) => low + ((high - low) * random.NextSingle());

    /// <summary>About normal, deviation 1, never beyond 3.5.</summary>
    private static float Bell(Random random) =>
        (random.NextSingle() + random.NextSingle() + random.NextSingle() + random.NextSingle() - 2) * 1.732f;

    /// <summary>Where a point of the unit box comes to lie on the canvas, and how thick the pen is.</summary>
    private sealed class Distortion
    {
        private readonly Matrix3x2 _map;
        private readonly float _waveX;
        private readonly float _waveY;
        private readonly float _phaseX;
        private readonly float _phaseY;

        public Distortion(Random random, int canvas)
        {
            var height = canvas * Between(random, 0.4f, 0.82f);
            var width = height * Between(random, 0.45f, 1.0f);
            Radius = height * Between(random, 0.025f, 0.115f);
            (_waveX, _waveY) = (0.03f * Bell(random), 0.03f * Bell(random));
            (_phaseX, _phaseY) = (Between(random, 0, 2 * MathF.PI), Between(random, 0, 2 * MathF.PI));
            var play = Math.Max(0, ((canvas - height) / 2) - Radius - 2);
            var centre = new Vector2(
                (canvas / 2f) + Between(random, -play, play), (canvas / 2f) + Between(random, -play, play));
            _map = Matrix3x2.CreateTranslation(-0.5f, -0.5f) *
                Matrix3x2.CreateScale(width, height) *
                Matrix3x2.CreateSkew(0.16f * Bell(random), 0) *
                Matrix3x2.CreateRotation(0.1f * Bell(random)) *
                Matrix3x2.CreateTranslation(centre);
        }

        public float Radius { get; }

        public Vector2 Place(Vector2 point)
        {
            var bent = new Vector2(
                point.X + (_waveX * MathF.Sin((5 * point.Y) + _phaseX)),
                point.Y + (_waveY * MathF.Sin((5 * point.X) + _phaseY)));
            return Vector2.Transform(bent, _map);
        }
    }
}
