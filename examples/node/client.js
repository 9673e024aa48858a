// Plays a story on a running simulator and reads back what it put on the log.
//
//   node client.js 127.0.0.1:50051

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const [target] = process.argv.slice(2);
if (!target) {
  console.error("usage: node client.js HOST:PORT");
  process.exit(2);
}

// doc: begin
const protos = fileURLToPath(new URL("../../proto", import.meta.url));
const { simulator } = grpc.loadPackageDefinition(
  protoLoader.loadSync(["simulator/v1/broker.proto", "simulator/v1/scenarios.proto"], {
    includeDirs: [protos],
    keepCase: true,
    enums: String,
  }),
);
const types = new protobuf.Root();
types.resolvePath = (_, path) => `${protos}/${path}`;
types.loadSync("accelbyte/chat/chat/v1/chat.proto", { keepCase: true });

const credentials = grpc.credentials.createInsecure();
const scenarios = new simulator.v1.Scenarios(target, credentials);
const broker = new simulator.v1.Broker(target, credentials);

const play = scenarios.Play({ name: "rate_limited", speed: 0 }); // as fast as possible
let outcome; // progress, and at the end the outcome
for await (const progress of play) outcome = progress;
if (outcome.state !== "PLAY_STATE_PASSED") {
  throw new Error(`the story ended as ${outcome.state}: ${outcome.problems}`);
}

const stream = broker.Subscribe({
  topics: ["chat", "personalChat"],
  typed: true,
  stop_at_end: true, // leave it out to go on with what comes
});
let limited = 0;
for await (const { records } of stream) {
  for (const record of records) {
    const event = JSON.parse(record.json);
    console.log(event.name);
    if (event.name === "userChatRateLimited") {
      const type = types.lookupType(record.event.type_url.split("/").pop());
      const hit = type.decode(record.event.value).payload.user_disconnected;
      console.log(`  ${hit.code} ${hit.reason}`);
      limited += 1;
    }
  }
}
// doc: end

scenarios.close();
broker.close();
if (limited === 0) throw new Error("nobody was rate-limited");
