using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class BatchSizesTests
{
    [Theory]
    [InlineData(1, "1")]
    [InlineData(4, "1,2,3,4")]
    [InlineData(7, "1,2,3,4,6,7")]
    [InlineData(16, "1,2,3,4,6,8,12,16")]
    public void Sizes_end_with_the_largest_and_pad_by_a_third_at_most(int largest, string sizes)
    {
        Assert.Equal(sizes, string.Join(',', BatchSizes.UpTo(largest)));
    }

    [Fact]
    public void A_model_whose_first_dimensions_are_open_can_be_batched_and_others_say_why_not()
    {
        var open = new TensorSpec("x", ElementType.Float32, [-1, 3]);

        Assert.Null(BatchSizes.WhyNot([open], [open]));
        Assert.Contains("not open", BatchSizes.WhyNot([open], [open with { Shape = [1, 3] }]));
        Assert.Contains("more than its first", BatchSizes.WhyNot([open with { Shape = [-1, -1] }], [open]));
    }
}
