"""Groups with confluent-kafka (librdkafka), as README.md says."""

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from common import Lacks
from members import Member, Members

SECONDS = 60


class ConfluentMember(Member):
    def __init__(self, member, topics, settings):
        super().__init__(member)
        self.topics = topics
        self.settings = settings

    def work(self):
        consumer = Consumer(self.settings)
        places = lambda found: [(place.topic, place.partition) for place in found]
        revoked = lambda _, found: self.revoked(places(found))
        consumer.subscribe(self.topics, on_assign=lambda _, found: self.assigned(places(found)), on_revoke=revoked,
                           on_lost=revoked)
        while not self.leaving.is_set():
            # What librdkafka says of a lost connection it mends by itself.
            found = [record for record in consumer.consume(100, 0.2) if not record.error()]
            for record in found:
                self.read(record.topic(), record.partition(), record.offset(), record.value())
            if found:
                try:
                    consumer.commit(asynchronous=False)
                except KafkaException as error:
                    self.tell(uncommitted=str(error))
        consumer.close()


class Groups:
    """What the program has for groups; it has `bootstrap` and `admin()` already."""

    members = Members()

    def join(self, member, group, topics, protocol, assignor, instance, session_ms):
        settings = {"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False,
                    "auto.offset.reset": "earliest", "group.protocol": protocol}
        if protocol == "classic":
            settings.update({"session.timeout.ms": session_ms, "heartbeat.interval.ms": 500})
        if instance:
            settings["group.instance.id"] = instance
        if assignor == "sticky":
            raise Lacks("has no such assignor")
        if assignor:
            settings["partition.assignment.strategy" if protocol == "classic" else "group.remote.assignor"] = assignor
        self.members.start(ConfluentMember(member, topics, settings))

    def leave(self, member):
        self.members.leave(member)

    def list_groups(self):
        return {"groups": [found.group_id for found in self.admin().list_consumer_groups().result(SECONDS).valid]}

    def describe_group(self, group):
        found = self.admin().describe_consumer_groups([group])[group].result(SECONDS)
        return {"state": found.state.name.title().replace("_", ""), "members": len(found.members)}

    def group_offsets(self, group):
        found = self.admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(SECONDS)
        return {"offsets": sorted([place.topic, place.partition, place.offset] for place in found.topic_partitions)}

    def alter_group_offset(self, group, topic, partition, offset):
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
        done = self.admin().alter_consumer_group_offsets([wanted])[group].result(SECONDS)
        for place in done.topic_partitions:
            if place.error:
                raise RuntimeError(place.error)

    def delete_group(self, group):
        self.admin().delete_consumer_groups([group])[group].result(SECONDS)
