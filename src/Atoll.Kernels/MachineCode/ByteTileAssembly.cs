namespace Atoll.Kernels;

/// <summary>
/// Machine code of the byte micro-kernels (see <see cref="ByteTile"/>) for 512-bit VNNI: up to 14 rows by two registers
/// of 16 sums stay in registers; each step of four terms loads two registers of B, and spreads four bytes of each row.
/// </summary>
internal static class ByteTileAssembly
{
    public const int MaxRows = 14;
    public const int MaxVectors = 2;
    private const int Lanes = 64;
    private const int Ahead = 3072;
    private const int FirstB = 28;
    private const int Row = 30;

    // All but the two that are kept on the stack belong to the callee in the System V calling convention.
    private const Register Tile = Register.Rdi;
    private const Register A0 = Register.R8;
    private const Register A1 = Register.R9;
    private const Register Pitch = Register.R10;
    private const Register Pitch3 = Register.R11;
    private const Register Pitch5 = Register.Rbx;
    private const Register B = Register.Rax;
    private const Register Steps = Register.Rcx;
    private const Register Segment = Register.Rsi;
    private const Register Segments = Register.Rdx;
    private const Register Sums = Register.R12;

    /// <summary>Writes all forms; where each starts, by rows - 1 and vectors - 1.</summary>
    public static int[,] Write(Assembler code)
    {
        var starts = new int[MaxRows, MaxVectors];
        for (var rows = 1; rows <= MaxRows; rows++)
        {
            for (var vectors = 1; vectors <= MaxVectors; vectors++)
            {
                code.Align(64);
                starts[rows - 1, vectors - 1] = code.Position;
                Write(code, rows, vectors);
            }
        }

        return starts;
    }

    private static void Write(Assembler code, int rows, int vectors)
    {
        code.Push(Register.Rbx);
        code.Push(Register.R12);
        code.Load(Pitch, new(Tile, ByteTile.PitchAt));
        code.LoadAddress(Pitch3, new(Pitch, 0, Pitch, 2));
        code.LoadAddress(Pitch5, new(Pitch, 0, Pitch, 4));
        code.Load(B, new(Tile, ByteTile.BAt));
        code.Load(Sums, new(Tile, ByteTile.SumsAt));
        code.Load(Segment, new(Tile, ByteTile.SegmentsAt));
        code.Load(Segments, new(Tile, ByteTile.SegmentCountAt));
        Start(code, rows, vectors);
        var segment = code.Position;
        code.Load(A0, new(Tile, ByteTile.A0At));
        code.Load(A1, new(Tile, ByteTile.A1At));
        code.Add(A0, new Memory(Segment));
        code.Add(A1, new Memory(Segment));
        code.Load(Steps, new(Tile, ByteTile.StepsAt));
        var step = code.Position;
        Step(code, rows, vectors);
        code.Subtract(Steps, 1);
        code.JumpIfNotZero(step);
        code.Add(Segment, sizeof(long));
        code.Subtract(Segments, 1);
        var isDone = code.JumpIfZero();
        // The unit is not wanted as long as the word is what was seen last.
        code.Load(Steps, new(Tile, ByteTile.SignalAt));
        code.Load(Steps, new(Steps));
        code.Add(Steps, new Memory(Tile, ByteTile.MinusSeenAt));
        code.JumpIfZero(segment);
        code.Land(isDone);
        code.Store(new(Tile, ByteTile.SegmentsLeftAt), Segments);
        Each(rows, vectors, (sum, at) => code.StoreVector(new(Sums, at), sum));
        code.Pop(Register.R12);
        code.Pop(Register.Rbx);
        code.Return();
    }

    private static void Start(Assembler code, int rows, int vectors)
    {
        code.Test(new(Tile, ByteTile.GoesOnAt), 1);
        var fresh = code.JumpIfZero();
        Each(rows, vectors, (sum, at) => code.LoadVector(sum, new(Sums, at)));
        var ready = code.Jump();
        code.Land(fresh);
        Each(rows, vectors, (sum, _) => code.Clear(sum));
        code.Land(ready);
    }

    private static void Step(Assembler code, int rows, int vectors)
    {
        for (var vector = 0; vector < vectors; vector++)
        {
            code.LoadVector(FirstB + vector, new(B, vector * Lanes));
            code.Prefetch(new(B, Ahead + vector * Lanes));
        }

        var half = (rows + 1) / 2;
        for (var row = 0; row < rows; row++)
        {
            code.BroadcastWord(Row, row < half ? At(A0, row) : At(A1, row - half));
            for (var vector = 0; vector < vectors; vector++)
            {
                code.AddByteProducts(row * vectors + vector, Row, FirstB + vector);
            }
        }

        code.Add(A0, sizeof(int));
        code.Add(A1, sizeof(int));
        code.Add(B, vectors * Lanes);
    }

    private static Memory At(Register start, int row) => row switch
    {
        0 => new(start),
        1 or 2 or 4 => new(start, 0, Pitch, row),
        3 or 6 => new(start, 0, Pitch3, row / 3),
        _ => new(start, 0, Pitch5, 1),
    };

    private static void Each(int rows, int vectors, Action<int, int> visit)
    {
        for (var sum = 0; sum < rows * vectors; sum++)
        {
            visit(sum, sum * Lanes);
        }
    }
}
