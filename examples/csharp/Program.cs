// Plays a story on a running simulator and reads back what it put on the log.
//
//   dotnet run -- 127.0.0.1:50051

using System.Text.Json;
using AccelByte.Chat.Chat;
using Grpc.Core;
using Grpc.Net.Client;
using Simulator.V1;

if (args.Length != 1)
{
    Console.Error.WriteLine("usage: dotnet run -- HOST:PORT");
    return 2;
}

var target = args[0];
var limited = 0;

// doc: begin
using var channel = GrpcChannel.ForAddress($"http://{target}");
var scenarios = new Scenarios.ScenariosClient(channel);
var broker = new Broker.BrokerClient(channel);

using var play = scenarios.Play(new PlayRequest
{
    Name = "rate_limited",
    Speed = 0, // as fast as possible
});
PlayProgress? outcome = null; // progress, and at the end the outcome
await foreach (var progress in play.ResponseStream.ReadAllAsync())
{
    outcome = progress;
}
if (outcome?.State != PlayState.Passed)
{
    throw new Exception($"the story ended as {outcome?.State}: {outcome?.Problems}");
}

using var stream = broker.Subscribe(new SubscribeRequest
{
    Topics = { "chat", "personalChat" },
    Typed = true,
    StopAtEnd = true, // leave it out to go on with what comes
});
await foreach (var batch in stream.ResponseStream.ReadAllAsync())
{
    foreach (var record in batch.Records)
    {
        using var json = JsonDocument.Parse(record.Json);
        Console.WriteLine(json.RootElement.GetProperty("name").GetString());
        if (record.Event.TryUnpack(out UserChatRateLimitedPayload typed))
        {
            var hit = typed.Payload.UserDisconnected;
            Console.WriteLine($"  {hit.Code} {hit.Reason}");
            limited++;
        }
    }
}
// doc: end

if (limited == 0)
{
    Console.Error.WriteLine("nobody was rate-limited");
    return 1;
}
return 0;
