// Reads partition 0 of a topic from its start, without a group, and says how fast that was.
//
//   FetchAll BOOTSTRAP TOPIC RECORDS

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class FetchAll {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("enable.auto.commit", "false");
        List<TopicPartition> all = List.of(new TopicPartition(args[1], 0));
        long wanted = Long.parseLong(args[2]);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(all);
            consumer.seekToBeginning(all);
            // Connected, and the position known, before the clock starts.
            consumer.position(all.get(0));
            long started = System.nanoTime();
            long records = 0;
            long bytes = 0;
            while (records < wanted) {
                var polled = consumer.poll(PATIENCE);
                if (polled.isEmpty()) {
                    throw new IllegalStateException("nothing came after " + records + " records");
                }
                for (ConsumerRecord<byte[], byte[]> record : polled) {
                    if (record.offset() != records) {
                        throw new IllegalStateException("offset " + record.offset() + " instead of " + records);
                    }
                    records++;
                    bytes += record.value().length;
                }
            }
            double seconds = (System.nanoTime() - started) / 1e9;
            System.out.printf(
                "{\"records\":%d,\"bytes\":%d,\"seconds\":%.6f,\"records_per_s\":%.0f}%n",
                records, bytes, seconds, records / seconds);
        }
    }
}
