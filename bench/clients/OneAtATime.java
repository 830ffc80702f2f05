// Sends one record at a time at a steady rate, waits for each acknowledgement, and says how long they took.
//
//   OneAtATime BOOTSTRAP TOPIC RECORDS WARM-UP RATE SIZE
//
// A record that could not be sent when it was due, because the one before it took so long, counts from when it was due.

import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class OneAtATime {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("acks", "all");
        settings.put("linger.ms", "0");
        int records = Integer.parseInt(args[2]);
        int warmUp = Integer.parseInt(args[3]);
        long interval = (long) (1e9 / Double.parseDouble(args[4]));
        byte[] value = new byte[Integer.parseInt(args[5])];
        long[] took = new long[records];
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int number = 0; number < warmUp; number++) {
                producer.send(new ProducerRecord<>(args[1], 0, null, value)).get();
            }
            long due = System.nanoTime();
            for (int number = 0; number < records; number++) {
                long sent = due;
                long now = System.nanoTime();
                if (now < due) {
                    while ((now = System.nanoTime()) < due) {
                        LockSupport.parkNanos(due - now);
                    }
                    sent = now;
                }
                producer.send(new ProducerRecord<>(args[1], 0, null, value)).get();
                took[number] = System.nanoTime() - sent;
                due += interval;
            }
        }
        Arrays.sort(took);
        System.out.printf(
            "{\"records\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}%n",
            records, took[records / 2] / 1e3, took[(int) (records * 0.99)] / 1e3, took[records - 1] / 1e3);
    }
}
