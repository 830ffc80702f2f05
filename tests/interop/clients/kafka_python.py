"""kafka-python of any version, as README.md says. Older versions lack arguments and calls that newer ones have."""

import sys
import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

from common import Lacks, decode, headers_of, record_line, say, serve
from kafka_python_groups import Groups

VERSION = tuple(int(part) for part in kafka.__version__.split(".")[:3])
FIRST_WITH_LIST = (2, 0)
SECONDS = 60


class Client(Groups):
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap.split(",")
        self.producers = {}
        self.consumer = None
        self.administrator = None

    def hello(self):
        cannot_read = {} if VERSION >= (2,) else {
            "zstd": "has no zstd", "a header without a value": "fails on it, a fault of its own"}
        return {"client": "kafka-python", "version": kafka.__version__, "cannot_read": cannot_read}

    def producer(self, compression, idempotent):
        name = (compression, idempotent)
        if name not in self.producers:
            settings = {}
            if VERSION >= (2, 1):
                settings["enable_idempotence"] = idempotent
            elif idempotent:
                raise Lacks("has no idempotent producer")
            if compression == "zstd" and VERSION < (2,):
                raise Lacks("has no zstd")
            self.producers[name] = KafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", retries=10**6, linger_ms=50, batch_size=100_000,
                max_in_flight_requests_per_connection=5 if idempotent else 1,
                compression_type=None if compression == "none" else compression, **settings)
        return self.producers[name]

    def produce(self, topic, partition, compression, idempotent, records):
        producer = self.producer(compression, idempotent)
        if any(value is None for record in records for _, value in headers_of(record)):
            raise Lacks("takes no header without a value")
        sent = [producer.send(topic, partition=partition, key=decode(record["key"]), value=decode(record["value"]),
                              headers=headers_of(record), timestamp_ms=record.get("timestamp")) for record in records]
        producer.flush(SECONDS)
        return {"offsets": [future.get(SECONDS).offset for future in sent]}

    def stream_produce(self, topic, partition, count, per_second, idempotent):
        producer = self.producer("none", idempotent)
        begin = time.monotonic()
        failures = []

        def send(number):
            future = producer.send(topic, partition=partition, value=b"%d" % number)
            future.add_callback(lambda sent: say({"acked": number, "offset": sent.offset}))
            future.add_errback(failures.append)

        for number in range(count):
            time.sleep(max(0, begin + number / per_second - time.monotonic()))
            send(number)
        producer.flush(SECONDS)
        if failures:
            raise failures[0]

    def reader(self):
        if self.consumer is None:
            self.consumer = KafkaConsumer(
                bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest")
        return self.consumer

    def assign(self, topic, partition):
        consumer, place = self.reader(), TopicPartition(topic, partition)
        consumer.assign([place])
        return consumer, place

    def consume(self, topic, partition, count, **start):
        consumer, place = self.assign(topic, partition)
        start = start["from"]
        if start == "beginning":
            consumer.seek_to_beginning(place)
        elif isinstance(start, int):
            consumer.seek(place, start)
        else:
            consumer.seek(place, consumer.offsets_for_times({place: start["time"]})[place].offset)
        records, end = [], time.monotonic() + SECONDS
        while len(records) < count and time.monotonic() < end:
            for record in consumer.poll(timeout_ms=1000).get(place, []):
                records.append(record_line(record.offset, record.timestamp, record.key, record.value, record.headers))
        return {"records": records[:count]}

    def stream_consume(self, topic, partition, count):
        consumer, place = self.assign(topic, partition)
        consumer.seek_to_beginning(place)
        seen, end = 0, time.monotonic() + SECONDS
        while seen < count and time.monotonic() < end:
            for record in consumer.poll(timeout_ms=1000).get(place, []):
                say({"read": record.value.decode(), "offset": record.offset})
                seen += 1

    def offset(self, topic, partition, at):
        consumer, place = self.assign(topic, partition)
        if at == "earliest":
            return {"offset": consumer.beginning_offsets([place])[place]}
        if at == "latest":
            return {"offset": consumer.end_offsets([place])[place]}
        if at == "max_timestamp":
            if VERSION < (3,):
                raise Lacks("has nothing for it")
            from kafka.admin import OffsetSpec
            return {"offset": self.admin().list_partition_offsets({place: OffsetSpec.MAX_TIMESTAMP})[place].offset}
        found = consumer.offsets_for_times({place: at["time"]})[place]
        return {"offset": found.offset if found else None}

    def admin(self):
        if self.administrator is None:
            self.administrator = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        return self.administrator

    def create_topic(self, topic, partitions, replication_factor, configs):
        new = NewTopic(topic, partitions, replication_factor, topic_configs=configs)
        self.send(self.admin().create_topics, [new])

    def send(self, call, argument):
        try:
            self.succeed(call(argument))
        except (AttributeError, ValueError):
            if VERSION >= (1, 4, 7):
                raise
            raise Lacks("does it, and then fails to read the answer")

    def succeed(self, response):
        """Not every version raises what the broker said."""
        for errors in ("topic_errors", "topic_error_codes", "resources", "results"):
            for entry in getattr(response, errors, None) or []:
                code = next((part for part in entry if isinstance(part, int)), 0) if isinstance(entry, tuple) else entry.error_code
                if code:
                    raise RuntimeError(str(entry))

    def list_topics(self):
        lister = self.admin().list_topics if VERSION >= FIRST_WITH_LIST else self.reader().topics
        return {"topics": sorted(lister())}

    def describe_topic(self, topic):
        if VERSION < FIRST_WITH_LIST:
            raise Lacks("has no describe_topics")
        found = self.admin().describe_topics([topic])[0]["partitions"]
        name = lambda partition, *names: next(partition[name] for name in names if name in partition)
        return {"partitions": [{
            "partition": name(partition, "partition_index", "partition"),
            "leader": name(partition, "leader_id", "leader"),
            "replicas": name(partition, "replica_nodes", "replicas"),
            "isr": name(partition, "isr_nodes", "isr"),
        } for partition in found]}

    def describe_cluster(self):
        if VERSION < FIRST_WITH_LIST:
            raise Lacks("has no describe_cluster")
        brokers = self.admin().describe_cluster()["brokers"]
        name = lambda broker: broker.get("broker_id", broker.get("node_id"))
        return {"brokers": [{"id": name(broker), "host": broker["host"], "port": broker["port"]} for broker in brokers]}

    def describe_configs(self, topic=None, broker=None):
        if broker is None:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        else:
            resource = ConfigResource(ConfigResourceType.BROKER, str(broker))
        if VERSION >= (3,):
            found = self.admin().describe_configs([resource], config_filter="all")
            configs = next(iter(next(iter(found.values())).values()))
            return {"configs": {key: config["value"] for key, config in configs.items()}}
        responses = self.admin().describe_configs([resource])
        responses = responses if isinstance(responses, list) else [responses]
        error, message, _, _, entries = responses[0].resources[0]
        if error:
            raise RuntimeError(message)
        return {"configs": {entry[0]: entry[1] for entry in entries}}

    def alter_configs(self, topic, set, delete):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(set))
        if VERSION >= (3,):
            resource.configs.update({key: ("DELETE", None) for key in delete})
        # An older one sends the whole of what is set, so that what is not named is deleted.
        self.succeed(self.admin().alter_configs([resource]))

    def create_partitions(self, topic, total):
        self.send(self.admin().create_partitions, {topic: NewPartitions(total)})

    def delete_records(self, topic, partition, before):
        if VERSION < (2, 1):
            raise Lacks("has no delete_records")
        self.admin().delete_records({TopicPartition(topic, partition): before})

    def delete_topic(self, topic):
        self.succeed(self.admin().delete_topics([topic]))


serve(Client(sys.argv[1]))
