"""What scripts/demo-groups.sh shows: starts a cluster, a producer and the consumers of a group, kills some of them, and
compares at the end what was produced with what was printed.

Each consumer writes records and what it is told of its partitions (--json --show-rebalances) into one file, so that the
file has them in the order in which they happened. A record is known by its value, a number of its own.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

TOPIC = "demo"
GROUP = "demo"
PARTITIONS = 12
CONSUMERS = 10
KEYS = 1000
BROKERS = (1, 2, 3)


def say(text):
    print(text, flush=True)


def act(number, text):
    say(f"\n== {number}. {text}")


class Failed(Exception):
    """What was promised did not happen."""


def wait_for(what, seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Cluster:
    """A zookeeper and three brokers, as processes."""

    def __init__(self, arguments):
        self.bin, self.work = arguments.bin, arguments.work
        self.processes, self.addresses = {}, {}
        self.zookeeper = self.start("zookeeper", ["--data", f"{self.work}/zookeeper"])
        for broker in BROKERS:
            self.start_broker(broker)

    def start(self, name, arguments, port=0):
        program = "yak-zookeeper" if name == "zookeeper" else "yak-broker"
        ports = f"{self.work}/{name}.json"
        if os.path.exists(ports):
            os.remove(ports)
        command = [f"{self.bin}/{program}", *arguments, "--port", str(port), "--ports-file", ports]
        with open(f"{self.work}/{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes[name] = process

        def is_ready():
            if process.poll() is not None:
                raise Failed(f"{name} did not start; see {self.work}/{name}.log")
            return os.path.exists(ports)

        wait_for(f"{name} is ready", 60, is_ready)
        with open(ports, encoding="utf-8") as file:
            ready = json.load(file)
        self.addresses[name] = ready.get("bootstrap") or ready["zookeeper"]
        return self.addresses[name]

    def start_broker(self, broker):
        name = f"broker-{broker}"
        # It comes back where it was.
        port = self.addresses[name].rsplit(":", 1)[1] if name in self.addresses else 0
        arguments = ["--id", str(broker), "--zookeeper", self.zookeeper, "--data", f"{self.work}/{name}"]
        self.start(name, arguments, port)

    def kill_broker(self, broker):
        process = self.processes[f"broker-{broker}"]
        process.kill()
        process.wait()

    def bootstrap(self):
        return ",".join(self.addresses[f"broker-{broker}"] for broker in BROKERS)

    def environment(self):
        return {**os.environ, "YAK_BOOTSTRAP_SERVERS": self.bootstrap()}

    def run(self, program, *arguments):
        command = [f"{self.bin}/{program}", *arguments]
        done = subprocess.run(
            command, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Failed(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def ask(self, broker, request):
        """One line to one broker, one line back; None if it does not answer."""
        host, port = self.addresses[f"broker-{broker}"].rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), timeout=2) as connection:
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as replies:
                    line = replies.readline()
            return json.loads(line) if line else None
        except (OSError, ValueError):
            return None

    def coordinator(self):
        """The broker that coordinates the group, if one of those that answer knows it."""
        for broker in BROKERS:
            reply = self.ask(broker, {"op": "find_coordinator", "group": GROUP})
            if reply and "ok" in reply:
                return reply["ok"]["coordinator"]["broker_id"]
        return None

    def committed(self):
        """What the group has committed, by partition; None while nobody can say."""
        coordinator = self.coordinator()
        reply = coordinator and self.ask(coordinator, {"op": "offset_fetch", "group": GROUP})
        if not reply or "ok" not in reply:
            return None
        return {one["partition"]: one["offset"] for one in reply["ok"]["offsets"]}

    def ends(self):
        reply = None
        entries = [{"topic": TOPIC, "partition": partition, "at": "latest"} for partition in range(PARTITIONS)]
        request = {"op": "list_offsets", "entries": entries}
        for broker in BROKERS:
            reply = reply if reply and "ok" in reply else self.ask(broker, request)
        if not reply or "ok" not in reply:
            return None
        return {one["partition"]: one["offset"] for one in reply["ok"]["partitions"]}


class Watch(threading.Thread):
    """Looks at the committed offsets several times a second: they only rise."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.highest, self.looks, self.back = cluster, {}, 0, []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.2):
            committed = self.cluster.committed()
            if committed is None:
                continue
            self.looks += 1
            for partition, highest in self.highest.items():
                offset = committed.get(partition, -1)
                if offset < highest:
                    self.back.append(f"partition {partition}: {highest}, then {offset}")
            self.highest.update(committed)


class Consumer:
    """A member of the group, whose output is a file of its own."""

    count = 0

    def __init__(self, cluster):
        Consumer.count += 1
        self.name = f"consumer-{Consumer.count}"
        self.path = f"{cluster.work}/{self.name}.out"
        command = [f"{cluster.bin}/yak-consumer", "--group", GROUP, "--topic", TOPIC, "--from-beginning"]
        command += ["--json", "--show-rebalances", "--client-id", self.name]
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(
                command, env=cluster.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In order: it commits what it printed and leaves."""
        self.process.send_signal(signal.SIGTERM)

    def ended_well(self):
        try:
            return self.process.wait(timeout=30) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            return False


class Printed:
    """What all consumers printed, read once from their files."""

    def __init__(self):
        self.times, self.disorder, self.unreadable, self.rebalances = {}, [], 0, 0

    def read(self, consumer, was_killed):
        with open(consumer.path, "rb") as file:
            lines = file.read().split(b"\n")
        # The last piece is empty, or a line in whose middle its consumer was killed.
        torn = lines.pop()
        if torn and not was_killed:
            self.unreadable += 1
        at = {}
        for line in lines:
            if not line.startswith(b"{"):
                continue
            try:
                shown = json.loads(line)
            except ValueError:
                self.unreadable += 1
                continue
            if "event" in shown:
                self.rebalances += shown["event"] == "assigned"
                # A tenure begins where the consumer is told that it does.
                for place in shown.get("partitions", []):
                    at[place["partition"]] = place["offset"] - 1
                continue
            if "offset" not in shown:
                continue
            partition, offset = shown["partition"], shown["offset"]
            if offset <= at.get(partition, -1):
                self.disorder.append(f"{consumer.name}: {partition}@{offset} after {at[partition]}")
            at[partition] = offset
            value = int(shown["value"])
            self.times[value] = self.times.get(value, 0) + 1


class Story:
    """Consumers that come and go while records flow."""

    def __init__(self, arguments, cluster):
        self.arguments, self.cluster = arguments, cluster
        self.random = random.Random(arguments.seed)
        self.running, self.gone, self.killed = [], [], set()
        self.began = time.monotonic()
        self.seconds = arguments.minutes * 60
        pauses = arguments.kills + 1
        self.coordinator_at = [] if arguments.calm else [self.seconds * (n + 1) / pauses for n in range(arguments.kills)]
        self.back_at = []
        self.coordinators = []

    def elapsed(self):
        return time.monotonic() - self.began

    def start_consumer(self):
        self.running.append(Consumer(self.cluster))

    def disturb_consumers(self):
        """Somebody goes, and later somebody comes."""
        can_go = len(self.running) > 2
        if can_go and (len(self.running) == CONSUMERS or self.random.random() < 0.5):
            consumer = self.running.pop(self.random.randrange(len(self.running)))
            self.gone.append(consumer)
            if self.arguments.calm or self.random.random() < 0.3:
                consumer.stop()
            else:
                consumer.kill()
                self.killed.add(consumer)
        elif len(self.running) < CONSUMERS:
            self.start_consumer()

    def disturb_brokers(self):
        if self.back_at and self.elapsed() >= self.back_at[0][0]:
            _, broker = self.back_at.pop(0)
            self.cluster.start_broker(broker)
            say(f"{self.elapsed():6.1f} s  broker {broker} is back")
        if self.coordinator_at and self.elapsed() >= self.coordinator_at[0] and not self.back_at:
            coordinator = self.cluster.coordinator()
            if coordinator is None:
                return
            self.coordinator_at.pop(0)
            self.coordinators.append(coordinator)
            self.cluster.kill_broker(coordinator)
            say(f"{self.elapsed():6.1f} s  kill -9 of broker {coordinator}, which coordinates the group")
            self.back_at.append((self.elapsed() + min(10, self.seconds / 10), coordinator))

    def tell(self, watch):
        committed = sum(offset for offset in watch.highest.values() if offset)
        say(
            f"{self.elapsed():6.1f} s  {len(self.running)} consumers, {len(self.killed)} were killed,"
            f" {len(self.gone) - len(self.killed)} left; {committed:,} records committed"
        )

    def go_on_until(self, ended, watch):
        every = max(0.5, min(3.0, self.seconds / 60))
        next_disturbance, next_word = every, 10
        while not ended() or self.coordinator_at or self.back_at:
            time.sleep(0.05)
            if self.elapsed() >= next_disturbance:
                self.disturb_consumers()
                next_disturbance = self.elapsed() + self.random.uniform(0.5, 1.5) * every
            self.disturb_brokers()
            if self.elapsed() >= next_word:
                self.tell(watch)
                next_word += 10
            if self.elapsed() > self.seconds + 120:
                raise Failed("the records did not get through in time")

    def finish(self):
        """Everybody leaves in order."""
        for consumer in self.running:
            consumer.stop()
        self.gone += self.running
        self.running = []
        return [one.name for one in self.gone if one not in self.killed and not one.ended_well()]


def produce(cluster, arguments):
    """The producer, fed with keyed lines at an even rate."""
    path = f"{cluster.work}/records"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"key-{number % KEYS}:{number}\n" for number in range(arguments.records))
    rate = max(1, round(arguments.records / (arguments.minutes * 60)))
    command = [f"{cluster.bin}/yak-producer", "--topic", TOPIC, "--key-separator", ":", "--rate", str(rate)]
    command += ["--file", path, "-q"]
    with open(f"{cluster.work}/producer.log", "wb") as log:
        return subprocess.Popen(
            command, env=cluster.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def compare(arguments, story, watch, left_badly):
    printed = Printed()
    for consumer in story.gone:
        printed.read(consumer, consumer in story.killed)
    missing = [number for number in range(arguments.records) if number not in printed.times]
    more = sum(1 for times in printed.times.values() if times > 1)
    total = sum(printed.times.values())
    say(f"produced and acknowledged     {arguments.records:>9,}")
    say(f"printed                       {total:>9,}   by {len(story.gone)} consumers, {printed.rebalances} assignments")
    say(f"never printed                 {len(missing):>9,}")
    say(f"printed more than once        {more:>9,}   by whoever took over from one that died before it committed")
    say(f"out of order within a tenure  {len(printed.disorder):>9,}")
    say(f"committed offsets went back   {len(watch.back):>9,}   in {watch.looks:,} looks")
    faults = []
    if missing:
        faults.append(f"records were missed, such as {missing[:5]}")
    if arguments.calm and more:
        faults.append("nobody was killed, and yet records were printed more than once")
    if printed.disorder:
        faults.append(f"records were out of order: {printed.disorder[:3]}")
    if printed.unreadable:
        faults.append(f"{printed.unreadable} lines could not be read")
    if watch.back:
        faults.append(f"committed offsets went back: {watch.back[:3]}")
    if not watch.looks:
        faults.append("nobody could ever say what was committed")
    if left_badly:
        faults.append(f"these did not end in order: {left_badly}")
    return faults


def tell_story(arguments):
    act(1, f"A cluster, and a topic of {PARTITIONS} partitions with a copy on each of three brokers.")
    cluster = Cluster(arguments)
    cluster.run("yak-topics", "--create", "--topic", TOPIC, "--partitions", str(PARTITIONS), "--replication-factor", "3")
    say(f"brokers at {cluster.bootstrap()}")

    rate = round(arguments.records / (arguments.minutes * 60))
    act(2, f"{arguments.records:,} records with keys, {rate:,} a second, and {CONSUMERS} consumers of one group.")
    say("Each partition has one owner at a time. What a consumer has printed it commits,")
    say("and whoever has the partition next begins there.")
    story = Story(arguments, cluster)
    for _ in range(CONSUMERS if not arguments.calm else CONSUMERS // 2):
        story.start_consumer()
    watch = Watch(cluster)
    watch.start()
    producer = produce(cluster, arguments)

    if arguments.calm:
        act(3, "Consumers come and go in order: each commits before it leaves.")
    else:
        act(3, f"Consumers die (kill -9), leave and return at random; the coordinator's broker dies {arguments.kills} times.")
        say(f"seed {arguments.seed}")
    story.go_on_until(lambda: producer.poll() is not None, watch)
    if producer.returncode != 0:
        raise Failed(f"the producer did not deliver everything; see {arguments.work}/producer.log")
    if not story.running:
        story.start_consumer()

    act(4, "All records are acknowledged. The group catches up.")
    wait_for("the group has committed everything", 90, lambda: cluster.committed() == cluster.ends() is not None)
    say(cluster.run("yak-groups", "--describe", "--group", GROUP, "--state").rstrip())
    left_badly = story.finish()
    watch.ended.set()
    watch.join()

    act(5, "What was produced, and what was printed.")
    faults = compare(arguments, story, watch, left_badly)
    for process in cluster.processes.values():
        process.terminate()
    if len(story.coordinators) < (0 if arguments.calm else arguments.kills):
        faults.append("the coordinator was killed less often than it was to be")
    if faults:
        raise Failed("; ".join(faults))
    times = "exactly once" if arguments.calm else "at least once"
    say(f"\nEvery record was printed {times}, in order, and no committed offset went back.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    try:
        tell_story(parser.parse_args())
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")


if __name__ == "__main__":
    main()
