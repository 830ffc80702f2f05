"""Groups with aiokafka, as README.md says."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from common import Lacks
from members import Telling

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class AioMember(Telling, ConsumerRebalanceListener):
    """A task that polls until it is to leave."""

    def __init__(self, member, topics, settings):
        super().__init__(member)
        self.leaving = asyncio.Event()
        self.task = asyncio.ensure_future(self.run(topics, settings))

    def on_partitions_assigned(self, assigned):
        self.assigned(assigned)

    def on_partitions_revoked(self, revoked):
        self.revoked(revoked)

    async def run(self, topics, settings):
        try:
            await self.work(topics, settings)
        except Exception as error:
            self.failed(error)

    async def work(self, topics, settings):
        consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **settings)
        await consumer.start()
        consumer.subscribe(topics, listener=self)
        while not self.leaving.is_set():
            found = await consumer.getmany(timeout_ms=200)
            for place, records in found.items():
                for record in records:
                    self.read(place.topic, place.partition, record.offset, record.value)
            if found:
                try:
                    await consumer.commit()
                except KafkaError as error:
                    self.tell(uncommitted=str(error))
        await consumer.stop()


class Groups:
    """What the program has for groups; it has `bootstrap` and `admin()` already."""

    members = {}

    async def join(self, member, group, topics, protocol, assignor, instance, session_ms):
        if protocol != "classic":
            raise Lacks("has only the classic protocol")
        settings = {"bootstrap_servers": self.bootstrap, "group_id": group, "session_timeout_ms": session_ms,
                    "heartbeat_interval_ms": 500, "group_instance_id": instance}
        if assignor:
            if assignor == "sticky":
                raise Lacks("has one, which moves partitions that could stay")
            if assignor not in ASSIGNORS:
                raise Lacks("has no such assignor")
            settings["partition_assignment_strategy"] = [ASSIGNORS[assignor]]
        self.members[member] = AioMember(member, topics, settings)

    async def leave(self, member):
        leaver = self.members.pop(member)
        leaver.leaving.set()
        await leaver.task

    async def list_groups(self):
        return {"groups": [name for name, *_ in await (await self.admin()).list_consumer_groups()]}

    async def describe_group(self, group):
        [response] = await (await self.admin()).describe_consumer_groups([group])
        # Error, name, state, type of protocol, protocol, members.
        found = response.groups[0]
        return {"state": found[2], "members": len(found[5])}

    async def group_offsets(self, group):
        found = await (await self.admin()).list_consumer_group_offsets(group)
        return {"offsets": sorted([*place, committed.offset] for place, committed in found.items())}
