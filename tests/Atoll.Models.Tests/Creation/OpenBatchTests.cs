using Atoll.Devices;

namespace Atoll.Models.Tests;

[Collection(DeviceAlone.Name)]
public sealed class OpenBatchTests
{
    [Theory]
    [InlineData("resnet152", 0.05)]
    [InlineData("distilbert", 0.1)]
    [InlineData("digits", 0.5)]
    public void A_sample_model_with_an_open_batch_gives_each_item_the_answer_that_it_gets_alone(
        string name, double width)
    {
        using var folder = new ModelFolder();
        int? image = SampleModels.HasImageSize(name) ? 32 : null;
        SampleModels.Create(
            name, folder.At("m.onnx"), new SampleModelOptions { Width = width, Image = image, Batch = 0 });
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var compiled = ModelCompiler.Compile(OnnxModel.Load(folder.At("m.onnx")).Graph);
        Assert.All(compiled.Inputs.Concat(compiled.Outputs), tensor => Assert.Equal(-1, tensor.Shape[0]));

        var batch = Run(compiled, device, first: 0, items: 3);

        for (var item = 0; item < 3; item++)
        {
            var alone = Run(compiled, device, item, items: 1);
            var row = batch.AsSpan(item * alone.Length, alone.Length);
            var worst = 0f;
            for (var i = 0; i < alone.Length; i++)
            {
                worst = Math.Max(worst, Math.Abs(alone[i] - row[i]));
            }

            Assert.True(worst < 1e-3, $"item {item} of {name} differs by {worst}");
        }
    }

    /// <summary>First output for items numbered from the first.</summary>
    private static float[] Run(CompiledModel compiled, CpuDevice device, int first, int items)
    {
        long[][] shapes = [.. compiled.Inputs.Select(i => (long[])[items, .. i.Shape.Skip(1)])];
        using var instance = compiled.Instantiate(device, null, shapes);
        foreach (var input in instance.Inputs)
        {
            Fill(input, first, items);
        }

        using var stream = device.CreateStream(new StreamOptions());
        var launch = new Launch(instance.Program);
        stream.Submit(launch);
        Assert.Equal(LaunchStatus.Completed, launch.Wait());
        return instance.Output(0).AsSpan<float>().ToArray();
    }

    private static void Fill(ModelTensor input, int first, int items)
    {
        var perItem = (int)(input.Spec.Shape.Aggregate(1L, (a, b) => a * b) / items);
        for (var item = 0; item < items; item++)
        {
            var random = new Random(first + item);
            for (var i = 0; i < perItem; i++)
            {
                if (input.Spec.Type == ElementType.Int64)
                {
                    input.AsSpan<long>()[(item * perItem) + i] = input.Spec.Name == "attention_mask" ? 1
                        : random.Next(1000);
                }
                else
                {
                    input.AsSpan<float>()[(item * perItem) + i] = random.NextSingle();
                }
            }
        }
    }
}
