"""aiokafka, as README.md says."""

import asyncio
import sys
import threading

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from aio_groups import Groups
from common import Lacks, decode, headers_of, record_line, say, serve

SECONDS = 60


class Client:
    """What `serve` calls: each coroutine below, run to its end in a thread where members of groups go on by themselves."""

    def __init__(self, bootstrap):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.calls = Calls(bootstrap)

    def __getattr__(self, op):
        call = getattr(self.calls, op)
        return lambda **fields: asyncio.run_coroutine_threadsafe(call(**fields), self.loop).result()


class Calls(Groups):
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.producers = {}
        self.consumer = None
        self.administrator = None

    async def close(self):
        for one in [*self.producers.values(), self.consumer]:
            if one is not None:
                await one.stop()
        if self.administrator is not None:
            await self.administrator.close()

    async def hello(self):
        return {"client": "aiokafka", "version": aiokafka.__version__}

    async def producer(self, compression, idempotent):
        name = (compression, idempotent)
        if name not in self.producers:
            self.producers[name] = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", linger_ms=50, enable_idempotence=idempotent,
                compression_type=None if compression == "none" else compression)
            await self.producers[name].start()
        return self.producers[name]

    async def produce(self, topic, partition, compression, idempotent, records):
        if any(value is None for record in records for _, value in headers_of(record)):
            raise Lacks("takes no header without a value")
        producer = await self.producer(compression, idempotent)
        sent = [await producer.send(topic, decode(record["value"]), decode(record["key"]), partition,
                                    record.get("timestamp"), headers_of(record)) for record in records]
        return {"offsets": [(await asyncio.wait_for(future, SECONDS)).offset for future in sent]}

    async def stream_produce(self, topic, partition, count, per_second, idempotent):
        producer = await self.producer("none", idempotent)
        begin = self.loop_time()

        async def follow(number, future):
            say({"acked": number, "offset": (await future).offset})

        followers = []
        for number in range(count):
            await asyncio.sleep(max(0, begin + number / per_second - self.loop_time()))
            future = await producer.send(topic, b"%d" % number, partition=partition)
            followers.append(asyncio.ensure_future(follow(number, future)))
        await asyncio.wait_for(asyncio.gather(*followers), SECONDS)

    @staticmethod
    def loop_time():
        return asyncio.get_running_loop().time()

    async def assign(self, topic, partition):
        if self.consumer is None:
            self.consumer = AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
            await self.consumer.start()
        place = TopicPartition(topic, partition)
        self.consumer.assign([place])
        return self.consumer, place

    async def read(self, consumer, place, count):
        seen, end = 0, self.loop_time() + SECONDS
        while seen < count and self.loop_time() < end:
            for record in (await consumer.getmany(place, timeout_ms=1000)).get(place, []):
                seen += 1
                yield record

    async def consume(self, topic, partition, count, **start):
        consumer, place = await self.assign(topic, partition)
        start = start["from"]
        if start == "beginning":
            await consumer.seek_to_beginning(place)
        elif isinstance(start, int):
            consumer.seek(place, start)
        else:
            found = await consumer.offsets_for_times({place: start["time"]})
            consumer.seek(place, found[place].offset)
        records = [record_line(record.offset, record.timestamp, record.key, record.value, record.headers)
                   async for record in self.read(consumer, place, count)]
        return {"records": records[:count]}

    async def stream_consume(self, topic, partition, count):
        consumer, place = await self.assign(topic, partition)
        await consumer.seek_to_beginning(place)
        async for record in self.read(consumer, place, count):
            say({"read": record.value.decode(), "offset": record.offset})

    async def offset(self, topic, partition, at):
        consumer, place = await self.assign(topic, partition)
        if at == "earliest":
            return {"offset": (await consumer.beginning_offsets([place]))[place]}
        if at == "latest":
            return {"offset": (await consumer.end_offsets([place]))[place]}
        if at == "max_timestamp":
            raise Lacks("has nothing for it")
        found = (await consumer.offsets_for_times({place: at["time"]}))[place]
        return {"offset": found.offset if found else None}

    async def admin(self):
        if self.administrator is None:
            self.administrator = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await self.administrator.start()
        return self.administrator

    @staticmethod
    def succeed(response):
        for topic, code, *rest in response.topic_errors if hasattr(response, "topic_errors") else response.topic_error_codes:
            if code:
                raise RuntimeError("%s: %s %s" % (topic, code, rest))

    async def create_topic(self, topic, partitions, replication_factor, configs):
        new = NewTopic(topic, partitions, replication_factor, topic_configs=configs)
        self.succeed(await (await self.admin()).create_topics([new]))

    async def list_topics(self):
        return {"topics": sorted(await (await self.admin()).list_topics())}

    async def describe_topic(self, topic):
        found = (await (await self.admin()).describe_topics([topic]))[0]["partitions"]
        return {"partitions": [{name: partition[name] for name in ("partition", "leader", "replicas", "isr")}
                               for partition in found]}

    async def describe_cluster(self):
        brokers = (await (await self.admin()).describe_cluster())["brokers"]
        return {"brokers": [{"id": broker["node_id"], "host": broker["host"], "port": broker["port"]} for broker in brokers]}

    async def describe_configs(self, topic=None, broker=None):
        if broker is None:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        else:
            resource = ConfigResource(ConfigResourceType.BROKER, str(broker))
        error, message, _, _, entries = (await (await self.admin()).describe_configs([resource]))[0].resources[0]
        if error:
            raise RuntimeError(message)
        return {"configs": {entry[0]: entry[1] for entry in entries}}

    async def alter_configs(self, topic, set, delete):
        # The whole of what is set is sent, so that what is not named is deleted.
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=set)
        for response in await (await self.admin()).alter_configs([resource]):
            for code, message, *_ in response.resources:
                if code:
                    raise RuntimeError(message)

    async def create_partitions(self, topic, total):
        await (await self.admin()).create_partitions({topic: NewPartitions(total)})

    async def delete_records(self, topic, partition, before):
        await (await self.admin()).delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})

    async def delete_topic(self, topic):
        self.succeed(await (await self.admin()).delete_topics([topic]))


serve(Client(sys.argv[1]))
