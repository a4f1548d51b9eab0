using Atoll;

return await AtollCommand.RunAsync(args, Console.Out, Console.Error);
