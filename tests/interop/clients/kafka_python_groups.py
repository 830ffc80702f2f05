"""Groups with kafka-python of any version, as README.md says."""

import kafka
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from common import Lacks
from members import Member, Members

VERSION = tuple(int(part) for part in kafka.__version__.split(".")[:3])
# Version 3 stays without partitions for ever if what it joined for arrives between two polls: polls are long, joining is quick.
POLL_MS, HEARTBEAT_MS = (2000, 100) if VERSION >= (3,) else (200, 500)


def assignor(name):
    if name == "sticky" and VERSION >= (2,):
        if VERSION < (3,):
            raise Lacks("has one, which fails when a second member joins")
        from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
        return StickyPartitionAssignor
    if name == "cooperative-sticky" and VERSION >= (3,):
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
        return CooperativeStickyAssignor
    try:
        return {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}[name]
    except KeyError:
        raise Lacks("has no such assignor")


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_assigned(self, assigned):
        self.member.assigned(assigned)

    def on_partitions_revoked(self, revoked):
        self.member.revoked(revoked)


class KafkaPythonMember(Member):
    def __init__(self, member, topics, settings):
        super().__init__(member)
        self.topics = topics
        self.settings = settings

    def work(self):
        consumer = KafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **self.settings)
        for topic in self.topics:
            # Version 3 may assign nothing for ever if it hears of a topic only while it joins.
            consumer.partitions_for_topic(topic)
        consumer.subscribe(self.topics, listener=Listener(self))
        while not self.leaving.is_set():
            found = consumer.poll(timeout_ms=POLL_MS)
            for place, records in found.items():
                for record in records:
                    self.read(place.topic, place.partition, record.offset, record.value)
            if found:
                try:
                    consumer.commit()
                except KafkaError as error:
                    self.tell(uncommitted=str(error))
        consumer.close()


class Groups:
    """What the program has for groups; it has `bootstrap` and `admin()` already."""

    members = Members()

    def join(self, member, group, topics, protocol, assignor, instance, session_ms):
        if protocol != "classic":
            raise Lacks("has only the classic protocol")
        settings = {"bootstrap_servers": self.bootstrap, "group_id": group, "session_timeout_ms": session_ms,
                    "heartbeat_interval_ms": HEARTBEAT_MS}
        if instance:
            if VERSION < (3,):
                raise Lacks("has no static membership")
            settings["group_instance_id"] = instance
        if assignor:
            settings["partition_assignment_strategy"] = [globals()["assignor"](assignor)]
        self.members.start(KafkaPythonMember(member, topics, settings))

    def leave(self, member):
        self.members.leave(member)

    def list_groups(self):
        admin = self.admin()
        if VERSION >= (3,):
            return {"groups": [group["group_id"] for group in admin.list_groups()]}
        return {"groups": [name for name, _ in admin.list_consumer_groups()]}

    def describe_group(self, group):
        admin = self.admin()
        if VERSION >= (3,):
            found = admin.describe_groups([group])[group]
            return {"state": found["group_state"], "members": len(found["members"])}
        found = admin.describe_consumer_groups([group])[0]
        # Error, name, state, type of protocol, protocol, members.
        return {"state": found[2], "members": len(found[5])}

    def group_offsets(self, group):
        admin = self.admin()
        found = (admin.list_group_offsets(group)[group] if VERSION >= (3,) else
                 admin.list_consumer_group_offsets(group))
        return {"offsets": sorted([*place, committed.offset] for place, committed in found.items())}

    def alter_group_offset(self, group, topic, partition, offset):
        if VERSION < (3,):
            raise Lacks("has nothing for it")
        self.check(self.admin().alter_group_offsets(
            group, {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)}))

    def delete_group_offset(self, group, topic, partition):
        if VERSION < (3,):
            raise Lacks("has nothing for it")
        self.check(self.admin().delete_group_offsets(group, [TopicPartition(topic, partition)]))

    @staticmethod
    def check(errors):
        for error in errors.values():
            if error.errno:
                raise error()

    def delete_group(self, group):
        if VERSION < (2,):
            raise Lacks("has nothing for it")
        if VERSION >= (3,):
            outcome = self.admin().delete_groups([group])[group]
            if outcome != "OK":
                raise RuntimeError(outcome)
        else:
            [(_, error)] = self.admin().delete_consumer_groups([group])
            if error.errno:
                raise error()
