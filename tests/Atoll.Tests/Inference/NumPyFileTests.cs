using Atoll.Models;

namespace Atoll.Tests;

public sealed class NumPyFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("(3,)", 3)]
    [InlineData("(1, 3)", 3)]
    [InlineData("()", 1)]
    [InlineData("(0, 4)", 0)]
    public void Type_shape_and_elements_are_read(string shape, int count)
    {
        float[] values = [1f, -2f, 3.5f];
        NumPy.Write(_path, $"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}", values.AsSpan(0, count));

        var tensor = NumPyFile.Read("x", _path);

        Assert.Equal(ElementType.Float32, tensor.Type);
        Assert.Equal(count * 4, tensor.Data.Length);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (3,), }")]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000, 2000000000, 2000000000), }")]
    [InlineData("{}")]
    public void Other_kinds_of_files_are_refused(string header)
    {
        NumPy.Write(_path, header, [1f, 2f, 3f]);

        Assert.Throws<UsageException>(() => NumPyFile.Read("x", _path));
    }

    [Fact]
    public void Any_cut_of_a_file_is_refused()
    {
        NumPy.Write(_path, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", [1f, 2f, 3f]);
        var bytes = File.ReadAllBytes(_path);
        for (var length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(_path, bytes[..length]);
            Assert.Throws<UsageException>(() => NumPyFile.Read("x", _path));
        }
    }
}
