// kafkajs, as README.md says. It reads only in groups, of which kafkajs_groups.cjs knows.
const { createInterface } = require('node:readline');
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs');
const lz4 = require('lz4-napi');
const snappy = require('snappyjs');
const { ZstdCodec } = require('zstd-codec');

class Lacks extends Error {}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const decode = (text) => (text === null ? null : Buffer.from(text, 'base64'));
const number = (offset) => Number(offset);
const in_group = () => {
  throw new Lacks('reads only in a group');
};

const codec = (compress) => () => ({
  compress: async (encoder) => Buffer.from(await compress(encoder.buffer)),
  decompress: async () => in_group(),
});
CompressionCodecs[CompressionTypes.Snappy] = codec((bytes) => snappy.compress(bytes));
CompressionCodecs[CompressionTypes.LZ4] = codec((bytes) => lz4.compressFrame(bytes));
CompressionCodecs[CompressionTypes.ZSTD] = codec(
  (bytes) => new Promise((resolve) => ZstdCodec.run((zstd) => resolve(new zstd.Simple().compress(bytes)))),
);
const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const kafka = new Kafka({
  brokers: process.argv[2].split(','),
  logLevel: process.env.KJS ? logLevel.INFO : logLevel.NOTHING,
  logCreator: () => ({ log, namespace, label }) => process.stderr.write(`${label} ${namespace} ${JSON.stringify(log)}\n`),
  retry: { retries: 200, maxRetryTime: 1000 },
});
let producers = {};
let administrator;

async function producer(idempotent) {
  if (!producers[idempotent]) {
    producers[idempotent] = kafka.producer({ idempotent, maxInFlightRequests: 1 });
    await producers[idempotent].connect();
  }
  return producers[idempotent];
}

async function admin() {
  if (!administrator) {
    administrator = kafka.admin();
    await administrator.connect();
  }
  return administrator;
}

// Its headers are an object; a name that is there several times has a list.
function headers({ headers }) {
  const found = {};
  for (const [name, value] of headers ?? []) {
    if (value === null) throw new Lacks('takes no header without a value');
    if (found[name]) found[name].push(decode(value));
    else found[name] = [decode(value)];
  }
  return found;
}

const ops = {
  async hello() {
    return { client: 'kafkajs', version: require('kafkajs/package.json').version };
  },

  async produce({ topic, partition, compression, idempotent, records }) {
    const messages = records.map((record) => ({
      partition,
      key: decode(record.key),
      value: decode(record.value),
      headers: headers(record),
      timestamp: record.timestamp === undefined ? undefined : String(record.timestamp),
    }));
    const [sent] = await (await producer(idempotent)).send({ topic, acks: -1, compression: codecs[compression], messages });
    return { offsets: records.map((_, at) => number(sent.baseOffset) + at) };
  },

  async stream_produce({ topic, partition, count, per_second, idempotent }) {
    const sender = await producer(idempotent);
    const begin = Date.now();
    for (let at = 0; at < count; at += 1) {
      const wait = begin + (at * 1000) / per_second - Date.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const [sent] = await sender.send({ topic, acks: -1, messages: [{ partition, value: String(at) }] });
      say({ acked: at, offset: number(sent.baseOffset) });
    }
  },

  consume: in_group,
  stream_consume: in_group,

  async offset({ topic, partition, at }) {
    if (at === 'max_timestamp') throw new Lacks('has nothing for it');
    if (at.time === undefined) {
      const found = (await (await admin()).fetchTopicOffsets(topic)).find((entry) => entry.partition === partition);
      return { offset: number(at === 'earliest' ? found.low : found.high) };
    }
    const all = await (await admin()).fetchTopicOffsetsByTimestamp(topic, at.time);
    const found = number(all.find((entry) => entry.partition === partition).offset);
    // Where there is none, it gives the end.
    const end = await ops.offset({ topic, partition, at: 'latest' });
    return { offset: found === end.offset ? null : found };
  },

  async create_topic({ topic, partitions, replication_factor, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const numPartitions = partitions;
    const made = { topic, numPartitions, replicationFactor: replication_factor, configEntries };
    await (await admin()).createTopics({ topics: [made] });
  },

  async list_topics() {
    return { topics: (await (await admin()).listTopics()).sort() };
  },

  async describe_topic({ topic }) {
    const { topics } = await (await admin()).fetchTopicMetadata({ topics: [topic] });
    const partitions = topics[0].partitions.map(({ partitionId, leader, replicas, isr }) => ({
      partition: partitionId,
      leader,
      replicas,
      isr,
    }));
    return { partitions };
  },

  async describe_cluster() {
    const { brokers } = await (await admin()).describeCluster();
    return { brokers: brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })) };
  },

  async describe_configs({ topic, broker }) {
    const resource =
      broker === undefined
        ? { type: ConfigResourceTypes.TOPIC, name: topic }
        : { type: ConfigResourceTypes.BROKER, name: String(broker) };
    const { resources } = await (await admin()).describeConfigs({ resources: [resource], includeSynonyms: false });
    return { configs: Object.fromEntries(resources[0].configEntries.map((entry) => [entry.configName, entry.configValue])) };
  },

  // The whole of what is set is sent, so that what is not named is deleted.
  async alter_configs({ topic, set }) {
    const configEntries = Object.entries(set).map(([name, value]) => ({ name, value }));
    await (await admin()).alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
  },

  async create_partitions({ topic, total }) {
    await (await admin()).createPartitions({ topicPartitions: [{ topic, count: total }] });
  },

  async delete_records({ topic, partition, before }) {
    await (await admin()).deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  },

  async delete_topic({ topic }) {
    await (await admin()).deleteTopics({ topics: [topic] });
  },
};

Object.assign(ops, require('./kafkajs_groups.cjs')(kafka, admin, say, Lacks));

async function answer(line) {
  const { op, ...fields } = JSON.parse(line);
  try {
    if (!ops[op]) throw new Lacks('has nothing for it');
    return { ok: (await ops[op](fields)) ?? {} };
  } catch (error) {
    return error instanceof Lacks ? { lacks: error.message } : { error: String(error) };
  }
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) say(await answer(line));
  for (const one of [...Object.values(producers), administrator]) await one?.disconnect();
  process.exit(0);
}

main();
