// What Apache Kafka's own client administers.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

final class Administrator {
    private final String bootstrap;
    private Admin admin;

    Administrator(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    private Admin admin() {
        if (admin == null) {
            admin = Admin.create(Peer.properties("bootstrap.servers", bootstrap));
        }
        return admin;
    }

    ObjectNode perform(JsonNode request) throws Exception {
        ObjectNode done = Peer.JSON.createObjectNode();
        switch (request.get("op").asText()) {
            case "create_topic":
                createTopic(request);
                return done;
            case "list_topics":
                ArrayNode names = done.putArray("topics");
                new TreeSet<>(admin().listTopics().names().get()).forEach(names::add);
                return done;
            case "describe_topic":
                return describeTopic(request.get("topic").asText());
            case "describe_cluster":
                ArrayNode brokers = done.putArray("brokers");
                for (Node node : admin().describeCluster().nodes().get()) {
                    brokers.addObject().put("id", node.id()).put("host", node.host()).put("port", node.port());
                }
                return done;
            case "describe_configs":
                return describeConfigs(resource(request));
            case "alter_configs":
                alterConfigs(request);
                return done;
            case "create_partitions":
                NewPartitions total = NewPartitions.increaseTo(request.get("total").asInt());
                admin().createPartitions(Map.of(request.get("topic").asText(), total)).all().get();
                return done;
            case "delete_records":
                RecordsToDelete before = RecordsToDelete.beforeOffset(request.get("before").asLong());
                admin().deleteRecords(Map.of(Peer.place(request), before)).all().get();
                return done;
            case "delete_topic":
                admin().deleteTopics(List.of(request.get("topic").asText())).all().get();
                return done;
            default:
                throw new IllegalArgumentException("unknown op");
        }
    }

    long maxTimestamp(TopicPartition place) throws Exception {
        return admin().listOffsets(Map.of(place, OffsetSpec.maxTimestamp())).partitionResult(place).get().offset();
    }

    private void createTopic(JsonNode request) throws Exception {
        Map<String, String> configs = new HashMap<>();
        request.get("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
        Optional<Integer> partitions = Optional.of(request.get("partitions").asInt());
        Optional<Short> factor = Optional.of((short) request.get("replication_factor").asInt());
        NewTopic topic = new NewTopic(request.get("topic").asText(), partitions, factor).configs(configs);
        admin().createTopics(List.of(topic)).all().get();
    }

    private ObjectNode describeTopic(String topic) throws Exception {
        ObjectNode found = Peer.JSON.createObjectNode();
        ArrayNode partitions = found.putArray("partitions");
        for (TopicPartitionInfo info : admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
            ObjectNode partition = partitions.addObject().put("partition", info.partition()).put("leader", info.leader().id());
            ArrayNode replicas = partition.putArray("replicas");
            info.replicas().forEach(node -> replicas.add(node.id()));
            ArrayNode isr = partition.putArray("isr");
            info.isr().forEach(node -> isr.add(node.id()));
        }
        return found;
    }

    private static ConfigResource resource(JsonNode request) {
        return request.hasNonNull("broker")
            ? new ConfigResource(ConfigResource.Type.BROKER, request.get("broker").asText())
            : new ConfigResource(ConfigResource.Type.TOPIC, request.get("topic").asText());
    }

    private ObjectNode describeConfigs(ConfigResource resource) throws Exception {
        ObjectNode found = Peer.JSON.createObjectNode();
        ObjectNode configs = found.putObject("configs");
        for (ConfigEntry entry : admin().describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            configs.put(entry.name(), entry.value());
        }
        return found;
    }

    private void alterConfigs(JsonNode request) throws Exception {
        List<AlterConfigOp> ops = new ArrayList<>();
        request.get("set").fields().forEachRemaining(entry -> ops.add(
            new AlterConfigOp(new ConfigEntry(entry.getKey(), entry.getValue().asText()), AlterConfigOp.OpType.SET)));
        request.get("delete").forEach(key -> ops.add(
            new AlterConfigOp(new ConfigEntry(key.asText(), null), AlterConfigOp.OpType.DELETE)));
        admin().incrementalAlterConfigs(Map.of(resource(request), ops)).all().get();
    }
}
