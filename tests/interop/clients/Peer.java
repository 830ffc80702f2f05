// Apache Kafka's own client, as README.md says, and its tools: {"op":"tool","main":class,"args":[...],"stdin":text} runs
// one in this process, since starting a virtual machine for each would take most of the time.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

public final class Peer {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Duration LIMIT = Duration.ofSeconds(60);

    private final String bootstrap;
    private final PrintStream out;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    private final Administrator administrator;
    private final Groups groups;
    private KafkaConsumer<byte[], byte[]> consumer;

    private Peer(String bootstrap, PrintStream out) {
        this.bootstrap = bootstrap;
        this.out = out;
        this.administrator = new Administrator(bootstrap);
        this.groups = new Groups(bootstrap, this::say);
    }

    public static void main(String[] args) throws Exception {
        Peer peer = new Peer(args[0], System.out);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            peer.say(peer.answer(JSON.readTree(line)));
        }
        // The threads of tools and clients are not waited for.
        Runtime.getRuntime().halt(0);
    }

    private synchronized void say(JsonNode line) {
        out.println(line);
        out.flush();
    }

    private ObjectNode answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            answer.set("ok", perform(request));
        } catch (Exception error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            cause.printStackTrace();
            answer.put("error", String.valueOf(cause));
        }
        return answer;
    }

    private ObjectNode perform(JsonNode request) throws Exception {
        switch (request.get("op").asText()) {
            case "hello":
                return JSON.createObjectNode().put("client", "kafka-clients").put("version", AppInfoParser.getVersion());
            case "produce":
                return produce(request);
            case "consume":
                return consume(request);
            case "offset":
                return offset(request);
            case "stream_produce":
                return streamProduce(request);
            case "stream_consume":
                return streamConsume(request);
            case "tool":
                return Tool.run(request);
            default:
                ObjectNode done = groups.perform(request);
                return done == null ? administrator.perform(request) : done;
        }
    }

    static Properties properties(String... pairs) {
        Properties properties = new Properties();
        for (int at = 0; at < pairs.length; at += 2) {
            properties.put(pairs[at], pairs[at + 1]);
        }
        return properties;
    }

    static TopicPartition place(JsonNode request) {
        return new TopicPartition(request.get("topic").asText(), request.get("partition").asInt());
    }

    private static byte[] decode(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String encode(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    private KafkaProducer<byte[], byte[]> producer(String compression, boolean idempotent) {
        return producers.computeIfAbsent(compression + idempotent, name -> new KafkaProducer<>(
            properties("bootstrap.servers", bootstrap, "acks", "all", "linger.ms", "50", "compression.type", compression,
                "enable.idempotence", String.valueOf(idempotent), "retries", "2147483647",
                "max.in.flight.requests.per.connection", idempotent ? "5" : "1"),
            new ByteArraySerializer(), new ByteArraySerializer()));
    }

    private ObjectNode produce(JsonNode request) throws Exception {
        KafkaProducer<byte[], byte[]> producer =
            producer(request.get("compression").asText(), request.get("idempotent").asBoolean());
        TopicPartition place = place(request);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records")) {
            Headers headers = new RecordHeaders();
            record.get("headers").forEach(header -> headers.add(header.get(0).asText(), decode(header.get(1))));
            Long timestamp = record.has("timestamp") ? record.get("timestamp").asLong() : null;
            sent.add(producer.send(new ProducerRecord<>(place.topic(), place.partition(), timestamp,
                decode(record.get("key")), decode(record.get("value")), headers)));
        }
        producer.flush();
        ArrayNode offsets = JSON.createArrayNode();
        for (Future<RecordMetadata> one : sent) {
            offsets.add(one.get().offset());
        }
        return JSON.createObjectNode().set("offsets", offsets);
    }

    private ObjectNode streamProduce(JsonNode request) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer("none", request.get("idempotent").asBoolean());
        TopicPartition place = place(request);
        AtomicReference<Exception> failure = new AtomicReference<>();
        long begin = System.nanoTime();
        for (int number = 0; number < request.get("count").asInt(); number++) {
            long wait = begin + number * 1_000_000_000L / request.get("per_second").asInt() - System.nanoTime();
            Thread.sleep(Math.max(0, wait / 1_000_000));
            byte[] value = String.valueOf(number).getBytes(StandardCharsets.UTF_8);
            int acked = number;
            producer.send(new ProducerRecord<>(place.topic(), place.partition(), null, value), (sent, error) -> {
                if (error == null) {
                    say(JSON.createObjectNode().put("acked", acked).put("offset", sent.offset()));
                } else {
                    failure.compareAndSet(null, error);
                }
            });
        }
        producer.flush();
        if (failure.get() != null) {
            throw failure.get();
        }
        return JSON.createObjectNode();
    }

    private KafkaConsumer<byte[], byte[]> assign(TopicPartition place) {
        if (consumer == null) {
            consumer = new KafkaConsumer<>(
                properties("bootstrap.servers", bootstrap, "enable.auto.commit", "false", "auto.offset.reset", "earliest"),
                new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }
        consumer.assign(List.of(place));
        return consumer;
    }

    private List<ConsumerRecord<byte[], byte[]>> poll(TopicPartition place) {
        return consumer.poll(Duration.ofSeconds(1)).records(place);
    }

    private ObjectNode consume(JsonNode request) {
        TopicPartition place = place(request);
        JsonNode from = request.get("from");
        assign(place);
        if (from.isTextual()) {
            consumer.seekToBeginning(List.of(place));
        } else if (from.isNumber()) {
            consumer.seek(place, from.asLong());
        } else {
            consumer.seek(place, consumer.offsetsForTimes(Map.of(place, from.get("time").asLong())).get(place).offset());
        }
        ArrayNode records = JSON.createArrayNode();
        int count = request.get("count").asInt();
        for (long end = System.nanoTime() + LIMIT.toNanos(); records.size() < count && System.nanoTime() < end;) {
            poll(place).stream().limit(count - records.size()).forEach(record -> records.add(line(record)));
        }
        return JSON.createObjectNode().set("records", records);
    }

    private static ObjectNode line(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode line = JSON.createObjectNode().put("offset", record.offset()).put("timestamp", record.timestamp())
            .put("key", encode(record.key())).put("value", encode(record.value()));
        ArrayNode headers = line.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(encode(header.value()));
        }
        return line;
    }

    private ObjectNode streamConsume(JsonNode request) {
        TopicPartition place = place(request);
        assign(place).seekToBeginning(List.of(place));
        int left = request.get("count").asInt();
        for (long end = System.nanoTime() + LIMIT.toNanos(); left > 0 && System.nanoTime() < end;) {
            for (ConsumerRecord<byte[], byte[]> record : poll(place)) {
                String value = new String(record.value(), StandardCharsets.UTF_8);
                say(JSON.createObjectNode().put("read", value).put("offset", record.offset()));
                left--;
            }
        }
        return JSON.createObjectNode();
    }

    private ObjectNode offset(JsonNode request) throws Exception {
        TopicPartition place = place(request);
        Collection<TopicPartition> places = List.of(place);
        JsonNode at = request.get("at");
        ObjectNode found = JSON.createObjectNode();
        if (at.isObject()) {
            var offset = assign(place).offsetsForTimes(Map.of(place, at.get("time").asLong())).get(place);
            return offset == null ? found.putNull("offset") : found.put("offset", offset.offset());
        }
        switch (at.asText()) {
            case "earliest":
                return found.put("offset", assign(place).beginningOffsets(places).get(place));
            case "latest":
                return found.put("offset", assign(place).endOffsets(places).get(place));
            default:
                return found.put("offset", administrator.maxTimestamp(place));
        }
    }
}
