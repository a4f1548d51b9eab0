namespace Atoll.Kernels;

/// <summary>General registers by their number in an instruction.</summary>
internal enum Register
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>An address: base + index * scale + offset.</summary>
internal readonly record struct Memory(Register Base, int Offset = 0, Register? Index = null, int Scale = 1);

/// <summary>
/// Writes x86-64 machine code: the few instructions that the kernels made at run time are built of. Encodings are those
/// of Intel's manual, volume 2; the 512-bit ones have an EVEX prefix (section 2.7).
/// </summary>
internal sealed class Assembler
{
    private readonly List<byte> _code = [];

    public int Position => _code.Count;

    public ReadOnlySpan<byte> Code => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_code);

    /// <summary>Fills with no-operations up to a multiple.</summary>
    public void Align(int bytes)
    {
        while (_code.Count % bytes != 0)
        {
            _code.Add(0x90);
        }
    }

    public void Load(Register target, Memory source) => General(0x8B, (int)target, source);

    public void Store(Memory target, Register source) => General(0x89, (int)source, target);

    public void LoadAddress(Register target, Memory source) => General(0x8D, (int)target, source);

    /// <summary>target += a word of memory; sets the flags for the jumps.</summary>
    public void Add(Register target, Memory source) => General(0x03, (int)target, source);

    public void Add(Register target, int value) => Immediate(0, target, value);

    /// <summary>target -= value; sets the flags for the jumps.</summary>
    public void Subtract(Register target, int value) => Immediate(5, target, value);

    /// <summary>Sets the flags by the bits that a 64-bit word has in common with a value.</summary>
    public void Test(Memory word, int value)
    {
        General(0xF7, 0, word);
        Number(value);
    }

    public void Push(Register register)
    {
        _code.AddRange((int)register >= 8 ? [0x41] : []);
        _code.Add((byte)(0x50 + ((int)register & 7)));
    }

    public void Pop(Register register)
    {
        _code.AddRange((int)register >= 8 ? [0x41] : []);
        _code.Add((byte)(0x58 + ((int)register & 7)));
    }

    public void Return() => _code.Add(0xC3);

    /// <summary>Jumps back to a position that is known.</summary>
    public void JumpIfNotZero(int position)
    {
        _code.AddRange([0x0F, 0x85]);
        Number(position - (_code.Count + 4));
    }

    /// <summary>Jumps back to a position that is known.</summary>
    public void JumpIfZero(int position)
    {
        _code.AddRange([0x0F, 0x84]);
        Number(position - (_code.Count + 4));
    }

    /// <summary>Jumps to a place that <see cref="Land"/> gives later.</summary>
    public int JumpIfZero()
    {
        _code.AddRange([0x0F, 0x84]);
        Number(0);
        return _code.Count;
    }

    /// <summary>As <see cref="JumpIfZero()"/>, always.</summary>
    public int Jump()
    {
        _code.Add(0xE9);
        Number(0);
        return _code.Count;
    }

    /// <summary>Lets a forward jump end here.</summary>
    public void Land(int jump) => BitConverter.TryWriteBytes(
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_code)[(jump - 4)..], _code.Count - jump);

    /// <summary>Asks for a cache line soon; never faults.</summary>
    public void Prefetch(Memory line)
    {
        Rex(false, 1, line);
        _code.AddRange([0x0F, 0x18]);
        Operand(1, line);
    }

    /// <summary>512-bit register = 64 bytes at any address (VMOVDQU32).</summary>
    public void LoadVector(int target, Memory source) => Vector(2, 1, 0x6F, target, 0, source);

    /// <summary>64 bytes at any address = 512-bit register (VMOVDQU32).</summary>
    public void StoreVector(Memory target, int source) => Vector(2, 1, 0x7F, source, 0, target);

    /// <summary>All 32-bit lanes = one word of memory (VPBROADCASTD).</summary>
    public void BroadcastWord(int target, Memory source) => Vector(1, 2, 0x58, target, 0, source);

    /// <summary>All bits zero (VPXORD).</summary>
    public void Clear(int target) => Vector(1, 1, 0xEF, target, target, target);

    /// <summary>
    /// Each 32-bit lane of the sums grows by four products of unsigned and signed bytes, without saturation
    /// (VPDPBUSD).
    /// </summary>
    public void AddByteProducts(int sums, int unsigned, int signed) => Vector(1, 2, 0x50, sums, unsigned, signed);

    private void General(byte opcode, int register, Memory memory)
    {
        Rex(true, register, memory);
        _code.Add(opcode);
        Operand(register, memory);
    }

    private void Immediate(int extension, Register target, int value)
    {
        _code.AddRange([(byte)(0x48 | ((int)target >> 3)), 0x81, (byte)(0xC0 | (extension << 3) | ((int)target & 7))]);
        Number(value);
    }

    private void Rex(bool isWide, int register, Memory memory)
    {
        var bits = (isWide ? 8 : 0) | (register >> 3 << 2) | ((int)(memory.Index ?? 0) >> 3 << 1) |
            ((int)memory.Base >> 3);
        _code.AddRange(bits == 0 ? [] : [(byte)(0x40 | bits)]);
    }

    // Always with a 32-bit offset, which EVEX does not scale as it does an 8-bit one.
    private void Operand(int register, Memory memory)
    {
        var field = (register & 7) << 3;
        var needsIndexByte = memory.Index is not null || ((int)memory.Base & 7) == (int)Register.Rsp;
        _code.Add((byte)(0x80 | field | (needsIndexByte ? 4 : (int)memory.Base & 7)));
        if (needsIndexByte)
        {
            var index = (int)(memory.Index ?? Register.Rsp) & 7;
            _code.Add((byte)((int.Log2(memory.Scale) << 6) | (index << 3) | ((int)memory.Base & 7)));
        }

        Number(memory.Offset);
    }

    /// <param name="prefix">1 for 66, 2 for F3.</param>
    /// <param name="map">1 for 0F, 2 for 0F38.</param>
    private void Vector(int prefix, int map, byte opcode, int register, int second, Memory memory)
    {
        Evex(prefix, map, register, second, (int)memory.Base, (int)(memory.Index ?? 0));
        _code.Add(opcode);
        Operand(register, memory);
    }

    private void Vector(int prefix, int map, byte opcode, int register, int second, int third)
    {
        // Of a register operand the fifth bit takes the place of an index register's fourth.
        Evex(prefix, map, register, second, third & 15, third >> 4 << 3);
        _code.AddRange([opcode, (byte)(0xC0 | ((register & 7) << 3) | (third & 7))]);
    }

    private void Evex(int prefix, int map, int register, int second, int third, int index)
    {
        static int Not(int value, int bit) => (~value >> bit) & 1;
        _code.AddRange(
        [
            0x62,
            (byte)((Not(register, 3) << 7) | (Not(index, 3) << 6) | (Not(third, 3) << 5) | (Not(register, 4) << 4) |
                map),
            (byte)(((~second & 15) << 3) | 4 | prefix),
            (byte)(0x40 | (Not(second, 4) << 3)),
        ]);
    }

    private void Number(int value)
    {
        for (var i = 0; i < 4; i++, value >>= 8)
        {
            _code.Add((byte)value);
        }
    }
}
