"""confluent-kafka (librdkafka), as README.md says."""

import sys
import time

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from confluent_groups import Groups
from common import decode, headers_of, record_line, say, serve

SECONDS = 60


class Client(Groups):
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.producers = {}
        self.consumer = None
        self.administrator = None

    def hello(self):
        return {"client": "confluent-kafka", "version": confluent_kafka.__version__}

    def producer(self, compression, idempotent):
        name = (compression, idempotent)
        if name not in self.producers:
            self.producers[name] = Producer({
                "bootstrap.servers": self.bootstrap, "acks": "all", "linger.ms": 50, "compression.type": compression,
                "enable.idempotence": idempotent, "max.in.flight": 5 if idempotent else 1})
        return self.producers[name]

    def produce(self, topic, partition, compression, idempotent, records):
        producer = self.producer(compression, idempotent)
        offsets = {}
        for number, record in enumerate(records):
            def told(error, sent, number=number):
                offsets[number] = error or sent.offset()
            producer.produce(topic, value=decode(record["value"]), key=decode(record["key"]), partition=partition,
                             headers=headers_of(record), timestamp=record.get("timestamp", 0), on_delivery=told)
        producer.flush(SECONDS)
        found = [offsets[number] for number in range(len(records))]
        failure = next((offset for offset in found if not isinstance(offset, int)), None)
        if failure:
            raise RuntimeError(failure)
        return {"offsets": found}

    def stream_produce(self, topic, partition, count, per_second, idempotent):
        producer = self.producer("none", idempotent)
        begin = time.monotonic()
        failures = []
        for number in range(count):
            def told(error, sent, number=number):
                if error:
                    failures.append(error)
                else:
                    say({"acked": number, "offset": sent.offset()})
            while time.monotonic() < begin + number / per_second:
                producer.poll(max(0, begin + number / per_second - time.monotonic()))
            producer.produce(topic, value=b"%d" % number, partition=partition, on_delivery=told)
        producer.flush(SECONDS)
        if failures:
            raise RuntimeError(failures[0])

    def reader(self):
        if self.consumer is None:
            # It wants a group's name, but with assign() it uses none.
            self.consumer = Consumer({
                "bootstrap.servers": self.bootstrap, "group.id": "none", "enable.auto.commit": False,
                "auto.offset.reset": "earliest"})
        return self.consumer

    def read(self, topic, partition, offset, count):
        consumer = self.reader()
        consumer.assign([TopicPartition(topic, partition, offset)])
        seen, end = 0, time.monotonic() + SECONDS
        while seen < count and time.monotonic() < end:
            record = consumer.poll(1)
            # What librdkafka says of a lost connection it mends by itself.
            if record is not None and not record.error():
                seen += 1
                yield record

    def consume(self, topic, partition, count, **start):
        start = start["from"]
        if start == "beginning":
            start = confluent_kafka.OFFSET_BEGINNING
        elif not isinstance(start, int):
            start = self.offset(topic, partition, start)["offset"]
        return {"records": [
            record_line(record.offset(), record.timestamp()[1], record.key(), record.value(), record.headers())
            for record in self.read(topic, partition, start, count)]}

    def stream_consume(self, topic, partition, count):
        for record in self.read(topic, partition, confluent_kafka.OFFSET_BEGINNING, count):
            say({"read": record.value().decode(), "offset": record.offset()})

    def offset(self, topic, partition, at):
        place = TopicPartition(topic, partition)
        if at in ("earliest", "latest"):
            return {"offset": self.reader().get_watermark_offsets(place, timeout=SECONDS)[at == "latest"]}
        spec = OffsetSpec.max_timestamp() if at == "max_timestamp" else OffsetSpec.for_timestamp(at["time"])
        found = self.admin().list_offsets({place: spec})[place].result(SECONDS).offset
        return {"offset": found if found >= 0 else None}

    def admin(self):
        if self.administrator is None:
            self.administrator = AdminClient({"bootstrap.servers": self.bootstrap})
        return self.administrator

    def create_topic(self, topic, partitions, replication_factor, configs):
        new = NewTopic(topic, partitions, replication_factor, config=configs)
        self.admin().create_topics([new])[topic].result(SECONDS)

    def list_topics(self):
        return {"topics": sorted(self.admin().list_topics(timeout=SECONDS).topics)}

    def describe_topic(self, topic):
        found = self.admin().describe_topics(confluent_kafka.TopicCollection([topic]))[topic].result(SECONDS)
        return {"partitions": [{
            "partition": partition.id,
            "leader": partition.leader.id,
            "replicas": [node.id for node in partition.replicas],
            "isr": [node.id for node in partition.isr],
        } for partition in found.partitions]}

    def describe_cluster(self):
        found = self.admin().describe_cluster().result(SECONDS)
        return {"brokers": [{"id": node.id, "host": node.host, "port": node.port} for node in found.nodes]}

    def describe_configs(self, topic=None, broker=None):
        kind, name = (ResourceType.TOPIC, topic) if broker is None else (ResourceType.BROKER, str(broker))
        resource = ConfigResource(kind, name)
        found = self.admin().describe_configs([resource])[resource].result(SECONDS)
        return {"configs": {key: entry.value for key, entry in found.items()}}

    def alter_configs(self, topic, set, delete):
        entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in set.items()]
        entries += [ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE) for key in delete]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        self.admin().incremental_alter_configs([resource])[resource].result(SECONDS)

    def create_partitions(self, topic, total):
        self.admin().create_partitions([NewPartitions(topic, total)])[topic].result(SECONDS)

    def delete_records(self, topic, partition, before):
        place = TopicPartition(topic, partition, before)
        self.admin().delete_records([place])[place].result(SECONDS)

    def delete_topic(self, topic):
        self.admin().delete_topics([topic])[topic].result(SECONDS)


serve(Client(sys.argv[1]))
