"""kcat, as README.md says: each request is one or more runs of it. The path of kcat is in KCAT."""

import json
import os
import re
import subprocess
import sys
import time

from common import Lacks, decode, headers_of, record_line, say, serve
from kcat_groups import Groups

SECONDS = 60
# Between the parts of a record; no record of the tests contains them.
FIELD, RECORD, KEY = b"\x1d", b"\x1e\x1c", b"\x1f\x1c"
DELIVERED = re.compile(rb"Message delivered to partition \d+ \(offset (\d+)\)")


def runs(records):
    """Neighbours that one run can write: headers are those of a whole run, and with -Z all that is empty is null."""
    def together(record):
        empty = [decode(record[part]) for part in ("key", "value")]
        return headers_of(record), None in empty, b"" in empty, record.get("timestamp")
    group = []
    for record in records:
        if group and together(group[-1]) != together(record):
            yield group
            group = []
        group.append(record)
    yield group


class Client(Groups):
    def __init__(self, bootstrap):
        self.command = [os.environ["KCAT"], "-b", bootstrap]

    def run(self, *args, stdin=b""):
        done = subprocess.run([*self.command, *args], input=stdin, capture_output=True, timeout=SECONDS)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace").strip().splitlines()[-1])
        return done

    def hello(self):
        shown = subprocess.run([self.command[0], "-V"], capture_output=True).stdout.decode()
        return {"client": "kcat", "version": re.search(r"Version ([0-9.]+)", shown)[1]}

    def produce(self, topic, partition, compression, idempotent, records):
        offsets = []
        if any("timestamp" in record for record in records):
            raise Lacks("gives records no timestamps")
        for group in runs(records):
            headers = headers_of(group[0])
            empty = [decode(record[part]) for record in group for part in ("key", "value")]
            if any(value is None for _, value in headers):
                raise Lacks("takes no header without a value")
            if None in empty and b"" in empty:
                raise Lacks("writes no record in which one part is empty and another is null")
            args = ["-P", "-t", topic, "-p", str(partition), "-z", compression, "-vvv", "-D", RECORD, "-K", KEY,
                    "-X", "enable.idempotence=%s" % str(idempotent).lower(), *(["-Z"] if None in empty else [])]
            for name, value in headers:
                args += ["-H", name.encode() + b"=" + value]
            lines = [(decode(record["key"]) or b"") + KEY + (decode(record["value"]) or b"") for record in group]
            done = self.run(*args, stdin=RECORD.join(lines))
            offsets += [int(offset) for offset in DELIVERED.findall(done.stderr)]
        return {"offsets": offsets}

    def stream_produce(self, topic, partition, count, per_second, idempotent):
        running = subprocess.Popen(
            [*self.command, "-P", "-t", topic, "-p", str(partition), "-vvv", "-X", "message.timeout.ms=60000",
             "-X", "enable.idempotence=%s" % str(idempotent).lower(), "-X", "max.in.flight=%d" % (5 if idempotent else 1)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        begin = time.monotonic()
        # What is acknowledged is seen while more is sent, so one of the two needs a process of its own.
        if os.fork() == 0:
            running.stderr.close()
            for number in range(count):
                time.sleep(max(0, begin + number / per_second - time.monotonic()))
                running.stdin.write(b"%d\n" % number)
                running.stdin.flush()
            running.stdin.close()
            os._exit(0)
        running.stdin.close()
        acked = 0
        for line in running.stderr:
            delivered = DELIVERED.search(line)
            if delivered:
                say({"acked": acked, "offset": int(delivered[1])})
                acked += 1
        os.wait()
        if running.wait() or acked < count:
            raise RuntimeError("%d of %d records were acknowledged" % (acked, count))

    def consume(self, topic, partition, count, **start):
        start = start["from"]
        if isinstance(start, dict):
            start = "s@%d" % start["time"]
        shape = b"%o %T %K %S " + FIELD + b"%h" + FIELD + b"%k" + FIELD + b"%s" + RECORD
        done = self.run("-C", "-t", topic, "-p", str(partition), "-o", str(start), "-c", str(count), "-q", "-f", shape)
        return {"records": [self.record(text) for text in done.stdout.split(RECORD)[:-1]]}

    @staticmethod
    def record(text):
        numbers, headers, key, value = text.split(FIELD)
        offset, timestamp, key_length, value_length = (int(number) for number in numbers.split())
        pairs = [pair.split(b"=", 1) for pair in headers.split(b",") if pair]
        return record_line(
            offset, timestamp, None if key_length < 0 else key, None if value_length < 0 else value,
            [(name.decode(), None if content == b"NULL" else content) for name, content in pairs])

    def stream_consume(self, topic, partition, count):
        running = subprocess.Popen(
            [*self.command, "-C", "-u", "-q", "-t", topic, "-p", str(partition), "-o", "beginning", "-c", str(count),
             "-f", "%o %s\n"], stdout=subprocess.PIPE)
        for line in running.stdout:
            offset, value = line.split()
            say({"read": value.decode(), "offset": int(offset)})
        if running.wait():
            raise RuntimeError("kcat ended with %d" % running.returncode)

    def offset(self, topic, partition, at):
        if at == "max_timestamp":
            raise Lacks("has nothing for it")
        time_ms = {"earliest": -2, "latest": -1}[at] if isinstance(at, str) else at["time"]
        shown = self.run("-Q", "-t", "%s:%d:%d" % (topic, partition, time_ms)).stdout.decode()
        found = int(shown.rsplit(" ", 1)[1])
        return {"offset": found if found >= 0 else None}

    def metadata(self, *args):
        return json.loads(self.run("-L", "-J", *args).stdout)

    def list_topics(self):
        return {"topics": sorted(topic["topic"] for topic in self.metadata()["topics"])}

    def describe_topic(self, topic):
        found = self.metadata("-t", topic)["topics"][0]["partitions"]
        return {"partitions": [{
            "partition": partition["partition"],
            "leader": partition["leader"],
            "replicas": [replica["id"] for replica in partition["replicas"]],
            "isr": [replica["id"] for replica in partition["isrs"]],
        } for partition in found]}

    def describe_cluster(self):
        address = lambda broker: broker["name"].rsplit(":", 1)
        return {"brokers": [{"id": broker["id"], "host": address(broker)[0], "port": int(address(broker)[1])}
                            for broker in self.metadata()["brokers"]]}


serve(Client(sys.argv[1]))
