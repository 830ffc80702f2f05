#!/usr/bin/env python3
"""What is measured with librdkafka: throughput, and the gap that a killed leader leaves. One JSON object on stdout.

    librdkafka.py produce  BOOTSTRAP TOPIC RECORDS SIZE ACKS
    librdkafka.py failover BOOTSTRAP TOPIC PID
    librdkafka.py version
"""

import json
import os
import random
import signal
import sys
import time

import confluent_kafka
from confluent_kafka import Producer

# Records that are handed over at once.
CHUNK = 1_000
# Records that wait or are under way at most.
QUEUE = 200_000
# Values that differ; they are sent in turn.
VALUES = 10_000
# A record is sent in each such interval: so often that as a rule one is under way when the leader dies, as it is with any
# producer under load. (Without, librdkafka notices only when it looks for leaders, once a second.) And the longest wait.
EVERY_S = 0.0005
# Records acknowledged before the leader is killed: a second of them or two, because librdkafka looks for leaders once a
# second, and the leader is to die at any moment of it.
BEFORE = (2_000, 4_000)
PATIENCE_S = 120


def failed(error, message):
    """The delivery report of a record that was not stored."""
    if error:
        sys.exit(f"a record was not stored: {error}")


def produce(bootstrap, topic, records, size, acks):
    """Sends as fast as it can, and counts from the first record handed over to the last acknowledged."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": acks,
            "batch.size": 65536,
            "linger.ms": 5,
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": QUEUE,
        }
    )
    records, size = int(records), int(size)
    values = [os.urandom(size // 2).hex().ljust(size, ".").encode() for _ in range(VALUES)]
    chunks = [[{"value": value} for value in values[at : at + CHUNK]] for at in range(0, VALUES, CHUNK)]
    producer.list_topics(topic)  # Connected before the clock starts.
    started = time.monotonic()
    sent = 0
    while sent < records:
        chunk = chunks[sent // CHUNK % len(chunks)][: records - sent]
        while len(producer) > QUEUE - CHUNK:
            producer.poll(0.001)
        if producer.produce_batch(topic, chunk, partition=0, on_delivery=failed) != len(chunk):
            sys.exit("librdkafka did not take all records")
        sent += len(chunk)
    if producer.flush(PATIENCE_S):
        sys.exit("not everything was acknowledged")
    seconds = time.monotonic() - started
    return {"records": sent, "seconds": seconds, "records_per_s": sent / seconds}


def failover(bootstrap, topic, pid):
    """Kills the leader in the middle, and waits for a record to be acknowledged that was sent after that."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    acknowledged = []

    def report(sent_at):
        def delivered(error, message):
            failed(error, message)
            acknowledged.append((sent_at, time.monotonic()))

        return delivered

    def step():
        due = time.monotonic() + EVERY_S
        producer.produce(topic, b"x" * 100, partition=0, on_delivery=report(time.monotonic()))
        while (left := due - time.monotonic()) > 0:
            producer.poll(left)

    deadline = time.monotonic() + PATIENCE_S
    wanted = random.randint(*BEFORE)
    while len(acknowledged) < wanted and time.monotonic() < deadline:
        step()
    before = len(acknowledged)
    killed = time.monotonic()
    os.kill(int(pid), signal.SIGKILL)
    again = None
    while again is None and time.monotonic() < deadline:
        step()
        again = next((at for sent_at, at in acknowledged[before:] if sent_at > killed), None)
    if again is None:
        sys.exit("nothing was acknowledged after the leader was killed")
    if producer.flush(PATIENCE_S):
        sys.exit("not everything was acknowledged")
    return {"gap_ms": (again - killed) * 1000, "records": len(acknowledged)}


def version():
    return {"confluent-kafka": confluent_kafka.version(), "librdkafka": confluent_kafka.libversion()[0]}


if __name__ == "__main__":
    print(json.dumps({"produce": produce, "failover": failover, "version": version}[sys.argv[1]](*sys.argv[2:])))
