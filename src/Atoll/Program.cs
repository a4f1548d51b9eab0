using System.CommandLine;

var root = new RootCommand("Atoll: real-time and best-effort work on shared accelerators.");
return await root.Parse(args).InvokeAsync();
