// Groups with kafkajs, as README.md says.
const { PartitionAssigners } = require('kafkajs');

module.exports = (kafka, admin, say, Lacks) => {
  const members = {};
  const places = (assignment) =>
    Object.entries(assignment)
      .flatMap(([topic, partitions]) => partitions.map((partition) => [topic, partition]))
      .sort(([one, first], [other, second]) => (one < other ? -1 : one > other ? 1 : first - second));

  // A broker may hear of a new topic a moment after the one that made it.
  async function subscribe(consumer, topics) {
    try {
      await consumer.subscribe({ topics, fromBeginning: true });
    } catch (error) {
      if (error.type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      await subscribe(consumer, topics);
    }
  }

  async function start(member, topics, settings) {
    const tell = (what) => say({ member, ...what });
    const consumer = kafka.consumer(settings);
    members[member] = consumer;
    const { GROUP_JOIN, REBALANCING, CRASH } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }) => tell({ holds: places(payload.memberAssignment) }));
    consumer.on(REBALANCING, () => tell({ holds: [] }));
    consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) tell({ failed: String(payload.error) });
    });
    await consumer.connect();
    await subscribe(consumer, topics);
    await consumer.run({
      async eachMessage({ topic, partition, message: { offset, value } }) {
        tell({ read: value.toString(), topic, partition, offset: Number(offset) });
      },
    });
  }

  return {
    async join({ member, group, topics, protocol, assignor, instance, session_ms }) {
      if (protocol !== 'classic') throw new Lacks('has only the classic protocol');
      if (assignor !== null && assignor !== 'roundrobin') throw new Lacks('has no such assignor');
      if (instance !== null) throw new Lacks('has no static membership');
      const settings = {
        groupId: group,
        sessionTimeout: session_ms,
        rebalanceTimeout: session_ms,
        heartbeatInterval: 500,
        maxWaitTimeInMs: 200,
        partitionAssigners: [PartitionAssigners.roundRobin],
      };
      start(member, topics, settings).catch((error) => say({ member, failed: String(error) }));
    },

    async leave({ member }) {
      await members[member].disconnect();
      delete members[member];
    },

    async list_groups() {
      const { groups } = await (await admin()).listGroups();
      return { groups: groups.map(({ groupId }) => groupId) };
    },

    async describe_group({ group }) {
      const { groups } = await (await admin()).describeGroups([group]);
      return { state: groups[0].state, members: groups[0].members.length };
    },

    async group_offsets({ group }) {
      const found = await (await admin()).fetchOffsets({ groupId: group });
      const offsets = found.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [topic, partition, Number(offset)]),
      );
      return { offsets: offsets.sort(([, first], [, second]) => first - second) };
    },

    async alter_group_offset({ group, topic, partition, offset }) {
      const partitions = [{ partition, offset: String(offset) }];
      await (await admin()).setOffsets({ groupId: group, topic, partitions });
    },

    async delete_group({ group }) {
      await (await admin()).deleteGroups([group]);
    },
  };
};
