"""kafka-python as a person uses it: serializers and partitioners of one's own, and consumers without a group.

Requests and answers are lines as README.md says; a key is null, any JSON value, or {"bytes": base64}.

| op | fields | ok |
|---|---|---|
| `send` | `topic`, `keys`, `serializer` (a name below, or null for none), `partitioner` (a name below) | `partitions`, one for each key |
| `poll` | `topic`, `count`, `interval_ms` | `records`: so many, each partition, offset, key and value; `polls` that had some |

`send` gives each record its number as value.
"""

import json
import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.partitioner import DefaultPartitioner, Partitioner

from common import decode, encode, serve

SECONDS = 60


class LongKeysFirst(Partitioner):
    """The first partition for keys of more than three bytes, the last for all others."""

    def partition(self, topic, key, serialized_key, value, serialized_value, cluster):
        partitions = sorted(cluster.partitions_for_topic(topic))
        return partitions[0] if len(serialized_key) > 3 else partitions[-1]


SERIALIZERS = {"json": lambda key: json.dumps(key).encode(), "text": str.encode}
PARTITIONERS = {"default": DefaultPartitioner, "long keys first": LongKeysFirst}


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def send(self, topic, keys, serializer, partitioner):
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, partitioner=PARTITIONERS[partitioner](),
            **({"key_serializer": SERIALIZERS[serializer]} if serializer else {}))
        keys = [decode(key["bytes"]) if isinstance(key, dict) and "bytes" in key else key for key in keys]
        sent = [producer.send(topic, key=key, value=b"%d" % number) for number, key in enumerate(keys)]
        partitions = [future.get(SECONDS).partition for future in sent]
        producer.close()
        return {"partitions": partitions}

    def poll(self, topic, count, interval_ms):
        consumer = KafkaConsumer(topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        records, polls, end = [], 0, time.monotonic() + SECONDS
        while len(records) < count and time.monotonic() < end:
            time.sleep(interval_ms / 1000)
            found = [record for records in consumer.poll(timeout_ms=0).values() for record in records]
            polls += bool(found)
            records += found
        consumer.close()
        return {"polls": polls, "records": [
            {"partition": record.partition, "offset": record.offset, "key": encode(record.key),
             "value": int(record.value)} for record in records]}


serve(Client(sys.argv[1]))
