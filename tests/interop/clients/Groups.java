// Groups with Apache Kafka's own client, as README.md says.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;

@SuppressWarnings("removal")
final class Groups {
    private static final Map<String, Class<?>> ASSIGNORS = Map.of("range", RangeAssignor.class, "roundrobin",
        RoundRobinAssignor.class, "sticky", StickyAssignor.class, "cooperative-sticky", CooperativeStickyAssignor.class);

    private final String bootstrap;
    private final Consumer<JsonNode> say;
    private final Map<String, Member> members = new HashMap<>();
    private Admin admin;

    Groups(String bootstrap, Consumer<JsonNode> say) {
        this.bootstrap = bootstrap;
        this.say = say;
    }

    /** Null if that is none of its requests. */
    ObjectNode perform(JsonNode request) throws ExecutionException, InterruptedException {
        String group = request.path("group").asText();
        switch (request.get("op").asText()) {
            case "join":
                join(request);
                return done();
            case "leave":
                members.remove(request.get("member").asText()).leave();
                return done();
            case "list_groups":
                ObjectNode listed = done();
                ArrayNode names = listed.putArray("groups");
                admin().listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).forEach(names::add);
                return listed;
            case "describe_group":
                ConsumerGroupDescription found = admin().describeConsumerGroups(Set.of(group)).all().get().get(group);
                return done().put("state", found.state().toString()).put("members", found.members().size());
            case "group_offsets":
                return offsets(group);
            case "alter_group_offset":
                OffsetAndMetadata offset = new OffsetAndMetadata(request.get("offset").asLong());
                admin().alterConsumerGroupOffsets(group, Map.of(Peer.place(request), offset)).all().get();
                return done();
            case "delete_group_offset":
                admin().deleteConsumerGroupOffsets(group, Set.of(Peer.place(request))).all().get();
                return done();
            case "remove_member":
                MemberToRemove named = new MemberToRemove(request.get("instance").asText());
                admin().removeMembersFromConsumerGroup(group,
                    new RemoveMembersFromConsumerGroupOptions(Set.of(named))).all().get();
                return done();
            case "delete_group":
                admin().deleteConsumerGroups(Set.of(group)).all().get();
                return done();
            default:
                return null;
        }
    }

    private static ObjectNode done() {
        return Peer.JSON.createObjectNode();
    }

    private void join(JsonNode request) {
        Properties settings = Peer.properties("bootstrap.servers", bootstrap, "group.id", request.get("group").asText(),
            "enable.auto.commit", "false", "auto.offset.reset", "earliest", "group.protocol",
            request.get("protocol").asText());
        JsonNode assignor = request.get("assignor");
        if (request.get("protocol").asText().equals("classic")) {
            settings.put("session.timeout.ms", request.get("session_ms").asText());
            settings.put("heartbeat.interval.ms", "500");
            if (!assignor.isNull()) {
                settings.put("partition.assignment.strategy", ASSIGNORS.get(assignor.asText()).getName());
            }
        } else if (!assignor.isNull()) {
            settings.put("group.remote.assignor", assignor.asText());
        }
        if (!request.get("instance").isNull()) {
            settings.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, request.get("instance").asText());
        }
        Set<String> topics = StreamSupport.stream(request.get("topics").spliterator(), false).map(JsonNode::asText)
            .collect(Collectors.toSet());
        Member member = new Member(request.get("member").asText(), say, settings, topics);
        members.put(member.getName(), member);
        member.start();
    }

    private Admin admin() {
        if (admin == null) {
            admin = Admin.create(Peer.properties("bootstrap.servers", bootstrap));
        }
        return admin;
    }

    private ObjectNode offsets(String group) throws ExecutionException, InterruptedException {
        ObjectNode found = done();
        ArrayNode offsets = found.putArray("offsets");
        Map<TopicPartition, OffsetAndMetadata> committed =
            admin().listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        committed.entrySet().stream()
            .sorted((one, other) -> one.getKey().toString().compareTo(other.getKey().toString()))
            .forEach(entry -> offsets.addArray().add(entry.getKey().topic()).add(entry.getKey().partition())
                .add(entry.getValue().offset()));
        return found;
    }
}
