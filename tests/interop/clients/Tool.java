// Runs one of Apache Kafka's tools within this process, as if it were a process of its own.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.utils.Exit;

final class Tool {
    private static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    // Scala keeps the first streams that it saw, so they are the same for all.
    private static final ByteArrayOutputStream WRITTEN = new ByteArrayOutputStream();
    private static final ByteArrayOutputStream COMPLAINED = new ByteArrayOutputStream();
    private static final PrintStream OUT = new PrintStream(WRITTEN, true, StandardCharsets.UTF_8);
    private static final PrintStream ERR = new PrintStream(COMPLAINED, true, StandardCharsets.UTF_8);

    private Tool() {
    }

    /** What it left behind; what it writes to stderr goes to ours too. */
    static ObjectNode run(JsonNode request) throws Exception {
        List<String> args = new ArrayList<>();
        request.get("args").forEach(arg -> args.add(arg.asText()));
        byte[] input = Base64.getDecoder().decode(request.get("stdin").asText());
        WRITTEN.reset();
        COMPLAINED.reset();
        InputStream in = System.in;
        PrintStream out = System.out;
        PrintStream err = System.err;
        // Some tools catch what ends them and end once more: only the first time counts.
        AtomicReference<Integer> code = new AtomicReference<>();
        AtomicReference<String> complaint = new AtomicReference<>();
        Exit.Procedure end = (status, message) -> {
            if (code.compareAndSet(null, status)) {
                complaint.set(COMPLAINED.toString(StandardCharsets.UTF_8));
            }
            throw new Ended();
        };
        try {
            System.setIn(new ByteArrayInputStream(input));
            System.setOut(OUT);
            System.setErr(ERR);
            Exit.setExitProcedure(end);
            Exit.setHaltProcedure(end);
            Class<?> tool = Class.forName(request.get("main").asText());
            tool.getMethod("main", String[].class).invoke(null, (Object) args.toArray(new String[0]));
        } catch (InvocationTargetException thrown) {
            if (code.compareAndSet(null, 1)) {
                thrown.getCause().printStackTrace();
            }
        } finally {
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
        }
        complaint.compareAndSet(null, COMPLAINED.toString(StandardCharsets.UTF_8));
        code.compareAndSet(null, 0);
        err.print(complaint.get());
        ObjectNode left = Peer.JSON.createObjectNode().put("code", code.get());
        left.put("stdout", Base64.getEncoder().encodeToString(WRITTEN.toByteArray()));
        return left.put("stderr", complaint.get());
    }
}
