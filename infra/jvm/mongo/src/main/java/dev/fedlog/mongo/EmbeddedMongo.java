package dev.fedlog.mongo;

import de.bwaldvogel.mongo.MongoServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stand-in for MongoDB, so that all of Fedlog runs from plain packages on a machine that has no {@code mongod}.
 *
 * <p>MongoDB proper comes neither from Maven nor from PyPI. This class puts mongo-java-server, which speaks MongoDB's
 * wire protocol, on top of one file. It serves the small part of MongoDB that Fedlog relies on: inserts, conditional
 * replacements, simple aggregations. It knows no sessions, no transactions, no users, and no index that makes a query
 * faster. In Fedlog that is enough, for what it holds is a view that can be rebuilt from Kafka; it is not a database
 * for anything else. Settings with the address of a real MongoDB make it unnecessary.
 *
 * <p>As it asks nobody for a password, it listens on loopback addresses only.
 *
 * <p>Exit codes: 2 for arguments it does not understand, 1 when it cannot open its file or its port.
 */
public final class EmbeddedMongo {

    private static final Logger log = LoggerFactory.getLogger(EmbeddedMongo.class);

    private static final String USAGE = "usage: EmbeddedMongo --data FILE [--host 127.0.0.1] [--port 27017]";
    private static final int COMPACT_EVERY_SECONDS = 5;

    private EmbeddedMongo() {
    }

    /** Where to keep the documents and where to listen. */
    private record Options(Path data, InetAddress host, int port) {

        static Options parse(String... args) {
            Path data = null;
            String host = "127.0.0.1";
            String port = "27017";
            for (int i = 0; i < args.length; i += 2) {
                String name = args[i];
                if (i + 1 == args.length) {
                    throw new IllegalArgumentException("nothing follows " + name);
                }
                String value = args[i + 1];
                switch (name) {
                    case "--data" -> data = Path.of(value).toAbsolutePath();
                    case "--host" -> host = value;
                    case "--port" -> port = value;
                    default -> throw new IllegalArgumentException("unknown argument " + name);
                }
            }
            if (data == null) {
                throw new IllegalArgumentException("--data is missing");
            }
            return new Options(data, loopback(host), portNumber(port));
        }

        private static InetAddress loopback(String host) {
            try {
                InetAddress address = InetAddress.getByName(host);
                if (address.isLoopbackAddress()) {
                    return address;
                }
            } catch (UnknownHostException e) {
                throw new IllegalArgumentException("--host " + host + " is no known host", e);
            }
            throw new IllegalArgumentException("--host " + host + " is not a loopback address");
        }

        private static int portNumber(String text) {
            int port;
            try {
                port = Integer.parseInt(text);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("--port " + text + " is not a number", e);
            }
            if (port < 1 || port > 65535) {
                throw new IllegalArgumentException("--port " + text + " is not between 1 and 65535");
            }
            return port;
        }
    }

    /**
     * Serves until the process is told to stop.
     *
     * @param args see {@link #USAGE}
     */
    public static void main(String... args) {
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println("EmbeddedMongo: " + e.getMessage());
            System.err.println(USAGE);
            System.exit(2);
            return;
        }
        try {
            serve(options);
        } catch (Exception e) {
            // Netty throws the BindException of a taken port without declaring it, hence the wide catch.
            log.error("cannot serve {} on {}:{}: {}",
                options.data(), options.host().getHostAddress(), options.port(), e.toString());
            System.exit(1);
        }
    }

    private static void serve(Options options) throws IOException {
        Files.createDirectories(options.data().getParent());
        DurableH2Backend backend = DurableH2Backend.open(options.data());
        MongoServer server = new MongoServer(backend);
        server.bind(new InetSocketAddress(options.host(), options.port()));

        ScheduledExecutorService housekeeping = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "compaction");
            thread.setDaemon(true);
            return thread;
        });
        housekeeping.scheduleWithFixedDelay(() -> compact(backend), COMPACT_EVERY_SECONDS, COMPACT_EVERY_SECONDS,
            TimeUnit.SECONDS);

        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            housekeeping.shutdown();
            server.shutdownNow();
            log.info("stopped, {} is closed", options.data());
        }, "shutdown"));
        log.info("serving MongoDB's wire protocol on {}:{} from {}",
            options.host().getHostAddress(), options.port(), options.data());
    }

    private static void compact(DurableH2Backend backend) {
        try {
            backend.compact();
        } catch (RuntimeException e) {
            // An exception that left this method would silently end all later rounds.
            log.warn("could not compact the file", e);
        }
    }
}
