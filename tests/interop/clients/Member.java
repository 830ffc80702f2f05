// A member of a group, in a thread of its own.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class Member extends Thread implements ConsumerRebalanceListener {
    private final Consumer<JsonNode> say;
    private final Properties settings;
    private final Set<String> topics;
    private final Set<TopicPartition> holds =
        new TreeSet<>(Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));
    private volatile boolean leaving;

    Member(String name, Consumer<JsonNode> say, Properties settings, Set<String> topics) {
        super(name);
        this.say = say;
        this.settings = settings;
        this.topics = topics;
        setDaemon(true);
    }

    void leave() throws InterruptedException {
        leaving = true;
        join();
    }

    @Override
    public void run() {
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(topics, this);
            while (!leaving) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                records.forEach(this::tell);
                if (!records.isEmpty()) {
                    commit(consumer);
                }
            }
        } catch (KafkaException error) {
            error.printStackTrace();
            say.accept(line().put("failed", error.toString()));
        }
    }

    private void commit(KafkaConsumer<byte[], byte[]> consumer) {
        try {
            consumer.commitSync();
        } catch (KafkaException error) {
            say.accept(line().put("uncommitted", error.toString()));
        }
    }

    private void tell(ConsumerRecord<byte[], byte[]> record) {
        say.accept(line().put("read", new String(record.value(), StandardCharsets.UTF_8)).put("topic", record.topic())
            .put("partition", record.partition()).put("offset", record.offset()));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
        holds.addAll(assigned);
        tellHolds();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
        holds.removeAll(revoked);
        tellHolds();
    }

    private void tellHolds() {
        ObjectNode line = line();
        ArrayNode places = line.putArray("holds");
        holds.forEach(place -> places.addArray().add(place.topic()).add(place.partition()));
        say.accept(line);
    }

    private ObjectNode line() {
        return Peer.JSON.createObjectNode().put("member", getName());
    }
}
