using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class BatchCheckTests
{
    [Theory]
    [InlineData(ElementType.Int64, new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 }, new byte[] { 2, 0, 0, 0, 0, 0, 0, 0 }, true)]
    [InlineData(ElementType.Int64, new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 }, new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 }, false)]
    [InlineData(ElementType.Bool, new byte[] { 1 }, new byte[] { 0 }, true)]
    [InlineData(ElementType.Float32, new byte[] { 0, 0, 0x80, 0x3F }, new byte[] { 1, 0, 0x80, 0x3F }, false)]
    [InlineData(ElementType.Float32, new byte[] { 0, 0, 0x80, 0x3F }, new byte[] { 0, 0, 0, 0x40 }, true)]
    [InlineData(ElementType.Float16, new byte[] { 0, 0x3C }, new byte[] { 1, 0x3C }, false)]
    [InlineData(ElementType.Float16, new byte[] { 0, 0x3C }, new byte[] { 0, 0x40 }, true)]
    [InlineData(ElementType.BFloat16, new byte[] { 0x80, 0x3F }, new byte[] { 0x81, 0x3F }, false)]
    [InlineData(ElementType.BFloat16, new byte[] { 0x80, 0x3F }, new byte[] { 0, 0x40 }, true)]
    public void Answers_of_every_type_are_compared_beside_others(
        ElementType type, byte[] alone, byte[] beside, bool differ) =>
        Assert.Equal(differ, BatchCheck.Differ(type, alone, beside));
}
