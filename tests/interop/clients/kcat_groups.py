"""Groups with kcat, as README.md says. It commits by itself, here every tenth of a second, and knows nothing of administration."""

import re
import signal
import subprocess
import threading

from common import Lacks
from members import Telling

REBALANCED = re.compile(r"% Group .* rebalanced.*?(assign|revoke)(.*)")
PLACE = re.compile(r"([^ ,]+) \[(\d+)\]")


class KcatMember(Telling):
    """A run of kcat, whose two outputs are read by threads."""

    def __init__(self, member, command):
        super().__init__(member)
        self.running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self.records, self.rebalances)]
        for reader in self.readers:
            reader.start()

    def records(self):
        for line in self.running.stdout:
            topic, partition, offset, value = line.split()
            self.read(topic, int(partition), int(offset), value.encode())

    def rebalances(self):
        for line in self.running.stderr:
            found = REBALANCED.match(line)
            if found:
                places = [(topic, int(partition)) for topic, partition in PLACE.findall(found[2])]
                (self.assigned if found[1] == "assign" else self.revoked)(places)
        if self.running.wait():
            self.tell(failed="kcat ended with %d" % self.running.returncode)

    def leave(self):
        self.running.send_signal(signal.SIGINT)
        for reader in self.readers:
            reader.join()


class Groups:
    """What the program has for groups; it has `command` already."""

    members = {}

    def join(self, member, group, topics, protocol, assignor, instance, session_ms):
        if protocol != "classic":
            raise Lacks("has only the classic protocol, in the version of librdkafka that it comes with")
        if assignor == "sticky":
            raise Lacks("has no such assignor")
        settings = {"session.timeout.ms": session_ms, "heartbeat.interval.ms": 500, "auto.commit.interval.ms": 100,
                    "auto.offset.reset": "earliest"}
        if assignor:
            settings["partition.assignment.strategy"] = assignor
        if instance:
            settings["group.instance.id"] = instance
        flags = [flag for name, value in settings.items() for flag in ("-X", "%s=%s" % (name, value))]
        self.members[member] = KcatMember(
            member, [*self.command, *flags, "-u", "-f", "%t %p %o %s\n", "-G", group, *topics])

    def leave(self, member):
        self.members.pop(member).leave()

    def close(self):
        for member in self.members.values():
            member.running.kill()
