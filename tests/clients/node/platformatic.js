// @platformatic/kafka, told what to do line by line: see serving.js.

import { randomUUID } from "node:crypto";

import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  FetchIsolationLevels,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
  Producer,
} from "@platformatic/kafka";

import { Reader, serve, text } from "./serving.js";

const base = (servers) => ({ clientId: "platformatic", bootstrapBrokers: servers.split(",") });

async function using(client, work) {
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

// Producing

const data = (value) => (value === null ? undefined : Buffer.from(value));

const message = (topic, { key, value, timestamp, headers, partition }) => ({
  topic,
  partition,
  key: data(key),
  value: data(value),
  timestamp: BigInt(timestamp),
  headers: new Map(headers.map((pair) => pair.map((each) => Buffer.from(each)))),
});

const produce = ({ servers, topic, records, codec }) =>
  using(new Producer({ ...base(servers), autocreateTopics: true }), async (producer) => {
    const messages = records.map((each) => message(topic, each));
    const { offsets } = await producer.send({ messages, compression: codec });
    return records.map((_, n) => Number(offsets[0].offset) + n);
  });

const transactional = (servers, transaction) =>
  new Producer({
    ...base(servers),
    autocreateTopics: true,
    idempotent: true,
    transactionalId: transaction,
  });

// A new producer does not know its number yet. Unless told so the library claims to be producer 0
// of epoch 0, which a broker may take for a request that is sent again.
const UNKNOWN = { producerId: -1n, producerEpoch: -1 };

const transact = ({ servers, transaction, topic, records, commit }) =>
  using(transactional(servers, transaction), async (producer) => {
    const begun = await producer.beginTransaction(UNKNOWN);
    await begun.send({ messages: records.map((each) => message(topic, each)) });
    await (commit ? begun.commit() : begun.abort());
  });

// Upper-case records, with the group's offset in the same transaction.
const relay = ({ servers, transaction, group, source, target, count }) =>
  using(transactional(servers, transaction), async (producer) => {
    const messages = [];
    const consumer = new Consumer({ ...base(servers), groupId: group });
    const stream = await consumer.consume(fromCommitted(source));
    for await (const each of stream) {
      if (messages.push(each) === count) break;
    }
    const begun = await producer.beginTransaction(UNKNOWN);
    await begun.addConsumer(consumer);
    const copies = messages.map(({ value }) => ({
      topic: target,
      partition: 0,
      value: Buffer.from(value.toString().toUpperCase()),
    }));
    await begun.send({ messages: copies });
    await begun.addOffset(messages.at(-1));
    await begun.commit();
    await consumer.close(true);
  });

// Reading

const fromCommitted = (topic) => ({
  topics: [topic],
  mode: "committed",
  fallbackMode: "earliest",
  autocommit: false,
  maxWaitTime: 100,
});

async function read(consumer, options) {
  const stream = await consumer.consume(options);
  const reader = new Reader();
  stream.on("data", (each) => reader.put(told(each)));
  stream.on("error", (error) => reader.fail(error));
  const [topic] = options.topics;
  // After a change the partitions are in place when a fetch has come back: one that was under way
  // tells records of the partitions of before, too.
  let inPlace = false;
  const changed = () => {
    inPlace = false;
    stream.once("fetch", () => {
      inPlace = true;
    });
  };
  consumer.on("consumer:group:rebalance", changed);
  stream.on("offsets", changed);
  const assigned = () => consumer.assignments?.find((each) => each.topic === topic);
  Object.defineProperty(reader, "assigned", {
    get: () => (inPlace ? (assigned()?.partitions ?? []) : []),
  });
  reader.commit = (topic, offset) =>
    consumer.commit({
      offsets: [{ topic, partition: 0, offset: BigInt(offset), leaderEpoch: -1 }],
    });
  reader.close = () => consumer.close(true);
  return reader;
}

const told = ({ partition, offset, timestamp, key, value, headerEntries }) => ({
  partition,
  offset: Number(offset),
  timestamp: Number(timestamp),
  key: text(key),
  value: text(value),
  headers: headerEntries.map((pair) => pair.map(text)),
});

async function open({ servers, topic, start, at, committed }) {
  const consumer = new Consumer({ ...base(servers), groupId: randomUUID(), maxWaitTime: 100 });
  const timestamp = {
    earliest: ListOffsetTimestamps.EARLIEST,
    latest: ListOffsetTimestamps.LATEST,
    timestamp: BigInt(at),
  }[start];
  const offset =
    timestamp === undefined
      ? BigInt(at)
      : (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic)[0];
  return read(consumer, {
    topics: [topic],
    mode: "manual",
    offsets: [{ topic, partition: 0, offset }],
    isolationLevel: FetchIsolationLevels[committed ? "READ_COMMITTED" : "READ_UNCOMMITTED"],
  });
}

// Joins in the background: so another member, asked later, can let it in.
function join({ servers, group, topic, protocol }) {
  const classic = { heartbeatInterval: 100, sessionTimeout: 10_000 };
  const options = protocol === "consumer" ? { groupProtocol: "consumer" } : classic;
  const consumer = new Consumer({ ...base(servers), groupId: group, ...options });
  const begun = read(consumer, fromCommitted(topic));
  const member = new Reader();
  member.take = async (count) => (await begun).take(count);
  member.commit = async (...place) => (await begun).commit(...place);
  member.close = async () => (await begun).close();
  begun.then((reader) => {
    Object.defineProperty(member, "assigned", { get: () => reader.assigned });
  });
  return member;
}

// Administration

const administer = (servers, work) => using(new Admin(base(servers)), work);

const administration = {
  create_topic: ({ servers, topic, partitions, config }) =>
    administer(servers, async (admin) => {
      const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
    }),
  grow: ({ servers, topic, partitions }) =>
    administer(servers, (admin) =>
      admin.createPartitions({ topics: [{ name: topic, count: partitions }] }),
    ),
  topics: ({ servers }) =>
    administer(servers, async (admin) => {
      const names = await admin.listTopics();
      const { topics } = await admin.metadata({ topics: names });
      return Object.fromEntries(names.map((name) => [name, topics.get(name).partitionsCount]));
    }),
  config: ({ servers, topic, name }) =>
    administer(servers, async (admin) => {
      const resource = {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configurationKeys: [name],
      };
      const [{ configs }] = await admin.describeConfigs({ resources: [resource] });
      return configs[0].value;
    }),
  configure: ({ servers, topic, name, value }) =>
    administer(servers, (admin) => {
      const operation = IncrementalAlterConfigOperationTypes.SET;
      const resource = {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: topic,
        configs: [{ name, value, configOperation: operation }],
      };
      return admin.incrementalAlterConfigs({ resources: [resource] });
    }),
  groups: ({ servers }) =>
    administer(servers, async (admin) => [...(await admin.listGroups()).keys()]),
  committed: ({ servers, group, topic }) =>
    administer(servers, async (admin) => {
      const asked = { groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] };
      const [found] = await admin.listConsumerGroupOffsets({ groups: [asked] });
      return Number(found.topics[0].partitions[0].committedOffset);
    }),
  delete_group: ({ servers, group }) =>
    administer(servers, (admin) => admin.deleteGroups({ groups: [group] })),
  delete_topic: ({ servers, topic }) =>
    administer(servers, (admin) => admin.deleteTopics({ topics: [topic] })),
};

await serve({ produce, transact, relay, open, join, ...administration });
