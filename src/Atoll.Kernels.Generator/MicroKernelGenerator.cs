using System.Text;
using Microsoft.CodeAnalysis;

namespace Atoll.Kernels.Generator;

/// <summary>
/// Emits the register-tiled micro-kernels at build time: one method per number of rows and registers, because sums stay
/// in registers only as named locals. The contract is that of the Tile type in Atoll.Kernels.
/// </summary>
[Generator]
public sealed class MicroKernelGenerator : IIncrementalGenerator
{
    public void Initialize(IncrementalGeneratorInitializationContext context) =>
        context.RegisterPostInitializationOutput(output => output.AddSource("GeneratedMicroKernels.g.cs", Emit()));

    private static string Emit()
    {
        var text = new StringBuilder();
        text.AppendLine("using System.Runtime.CompilerServices;");
        text.AppendLine("using System.Runtime.Intrinsics;");
        text.AppendLine("using System.Runtime.Intrinsics.X86;");
        text.AppendLine("namespace Atoll.Kernels;");
        text.AppendLine("internal static unsafe class GeneratedMicroKernels");
        text.AppendLine("{");
        EmitTable(text, 512, 14);
        EmitTable(text, 256, 6);
        for (var vectors = 1; vectors <= 2; vectors++)
        {
            for (var rows = 1; rows <= 14; rows++)
            {
                new MicroKernelWriter(text, 512, rows, vectors).Write();
            }

            for (var rows = 1; rows <= 6; rows++)
            {
                new MicroKernelWriter(text, 256, rows, vectors).Write();
            }
        }

        text.AppendLine("}");
        return text.ToString();
    }

    private static void EmitTable(StringBuilder text, int bits, int maxRows)
    {
        text.AppendLine($"public static delegate*<Tile*, void> Tiles{bits}(int rows, int vectors) =>");
        text.AppendLine("(rows, vectors) switch");
        text.AppendLine("{");
        for (var rows = 1; rows <= maxRows; rows++)
        {
            text.AppendLine($"({rows}, 1) => &Tile{bits}x{rows}x1, ({rows}, 2) => &Tile{bits}x{rows}x2,");
        }

        text.AppendLine("_ => throw new System.ArgumentOutOfRangeException(nameof(rows), rows, \"no such tile\"),");
        text.AppendLine("};");
    }
}
