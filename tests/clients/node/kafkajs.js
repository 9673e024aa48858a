// kafkajs, told what to do line by line: see serving.js.

import { randomUUID } from "node:crypto";
import zlib from "node:zlib";

import kafkajs from "kafkajs";
import snappy from "kafkajs-snappy";
import lz4 from "lz4-napi";

import { Reader, serve, text } from "./serving.js";

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs;

// kafkajs has gzip, and takes the other codecs from elsewhere.
CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }) => lz4.compressFrame(buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }) => zlib.zstdCompressSync(buffer),
  decompress: async (buffer) => zlib.zstdDecompressSync(buffer),
});

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const kafka = (servers) => new Kafka({ brokers: servers.split(","), logLevel: logLevel.NOTHING });

// Producing

const message = ({ key, value, timestamp, headers, partition }) => {
  const byName = {};
  for (const [name, each] of headers) (byName[name] ??= []).push(each);
  return { key, value, partition, timestamp: String(timestamp), headers: byName };
};

async function withProducer(servers, options, work) {
  const producer = kafka(servers).producer(options);
  await producer.connect();
  try {
    return await work(producer);
  } finally {
    await producer.disconnect();
  }
}

const produce = ({ servers, topic, records, codec }) =>
  withProducer(servers, {}, async (producer) => {
    const sent = { topic, messages: records.map(message), compression: CODECS[codec] };
    const [{ baseOffset }] = await producer.send(sent);
    return records.map((_, n) => Number(baseOffset) + n);
  });

// Each takes more than a second, since the client itself tries five times.
const COMMIT_ATTEMPTS = 20;

const transactional = (transaction) => ({
  transactionalId: transaction,
  idempotent: true,
  maxInFlightRequests: 1,
});

const transact = ({ servers, transaction, topic, records, commit }) =>
  withProducer(servers, transactional(transaction), async (producer) => {
    const begun = await producer.transaction();
    await begun.send({ topic, messages: records.map(message) });
    await (commit ? begun.commit() : begun.abort());
  });

// Upper-case records, with the group's offset in the same transaction.
const relay = ({ servers, transaction, group, source, target, count }) =>
  withProducer(servers, transactional(transaction), async (producer) => {
    const member = await join({ servers, group, topic: source });
    const taken = await member.take(count);
    const begun = await producer.transaction();
    const messages = taken.map(({ value }) => ({ value: value.toUpperCase(), partition: 0 }));
    await begun.send({ topic: target, messages });
    const offset = String(taken.at(-1).offset + 1);
    const topics = [{ topic: source, partitions: [{ partition: 0, offset }] }];
    await begun.sendOffsets({ consumerGroupId: group, topics });
    await begun.commit();
    await member.close();
  });

// Reading: kafkajs does so in groups only.

async function consume(servers, topic, options) {
  const consumer = kafka(servers).consumer({
    heartbeatInterval: 100,
    sessionTimeout: 6000, // it does not leave its group when it begins anew
    maxWaitTimeInMs: 100,
    retry: { initialRetryTime: 50 },
    ...options,
  });
  const reader = new Reader();
  const joined = new Promise((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      reader.assigned = payload.memberAssignment[topic] ?? [];
      resolve();
    });
  });
  consumer.on(consumer.events.REBALANCING, () => {
    reader.assigned = [];
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) reader.fail(payload.error);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => reader.put(told(partition, message)),
  });
  // It goes to the coordinator of its last join: where that is gone, only after the next one.
  reader.commit = async (topic, offset) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await consumer.commitOffsets([{ topic, partition: 0, offset: String(offset) }]);
      } catch (error) {
        if (attempt === COMMIT_ATTEMPTS || !/Broker \d+ not found/.test(error.message)) throw error;
      }
    }
  };
  reader.close = () => consumer.disconnect();
  return { consumer, reader, joined };
}

const told = (partition, { offset, timestamp, key, value, headers }) => ({
  partition,
  offset: Number(offset),
  timestamp: Number(timestamp),
  key: text(key),
  value: text(value),
  headers: Object.entries(headers ?? {}).flatMap(([name, values]) =>
    [values].flat().map((each) => [name, text(each)]),
  ),
});

async function open({ servers, topic, start, at, committed }) {
  const offset = await administer(servers, async (admin) => {
    if (start === "offset") return at;
    const [found] =
      start === "timestamp"
        ? await admin.fetchTopicOffsetsByTimestamp(topic, at)
        : await admin.fetchTopicOffsets(topic);
    return start === "earliest" ? found.low : (found.high ?? found.offset);
  });
  const options = { groupId: randomUUID(), readUncommitted: !committed };
  const { consumer, reader, joined } = await consume(servers, topic, options);
  consumer.seek({ topic, partition: 0, offset: String(offset) });
  await joined;
  return reader;
}

// Returns before it has joined: so another member, asked later, can let it in.
async function join({ servers, group, topic }) {
  return (await consume(servers, topic, { groupId: group })).reader;
}

// Administration

async function administer(servers, work) {
  const admin = kafka(servers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

const administration = {
  create_topic: ({ servers, topic, partitions, config }) =>
    administer(servers, (admin) => {
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      return admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] });
    }),
  grow: ({ servers, topic, partitions }) =>
    administer(servers, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] }),
    ),
  topics: ({ servers }) =>
    administer(servers, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata();
      return Object.fromEntries(topics.map((each) => [each.name, each.partitions.length]));
    }),
  config: ({ servers, topic, name }) =>
    administer(servers, async (admin) => {
      const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] };
      const { resources } = await admin.describeConfigs({ resources: [resource] });
      return resources[0].configEntries[0].configValue;
    }),
  configure: ({ servers, topic, name, value }) =>
    administer(servers, async (admin) => {
      const configEntries = [{ name, value }];
      const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries };
      await admin.alterConfigs({ resources: [resource] });
    }),
  groups: ({ servers }) =>
    administer(servers, async (admin) => {
      const { groups } = await admin.listGroups();
      return groups.map((each) => each.groupId);
    }),
  committed: ({ servers, group, topic }) =>
    administer(servers, async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return Number(found.partitions[0].offset);
    }),
  delete_group: ({ servers, group }) =>
    administer(servers, async (admin) => void (await admin.deleteGroups([group]))),
  delete_topic: ({ servers, topic }) =>
    administer(servers, (admin) => admin.deleteTopics({ topics: [topic] })),
};

await serve({ produce, transact, relay, open, join, ...administration });
