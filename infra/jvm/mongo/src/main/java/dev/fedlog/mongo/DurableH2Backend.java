package dev.fedlog.mongo;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/**
 * A document store on one file that has every write it acknowledged, whole, after {@code kill -9}.
 *
 * <p>Left to itself, H2 writes to its file once a second and whenever a buffer fills. A kill would then lose the last
 * second, which a sink that has moved its Kafka offsets on never sends again; or it would leave half a command behind,
 * a document without its index entry say. So H2's own commits are off, and the rule here is:
 *
 * <ol>
 *   <li>Commands that write run side by side, each holding the lock shared.
 *   <li>A commit holds the lock alone, so that it never sees half a command.
 *   <li>A command is answered after the commit that holds it. Commands that end together share one.
 * </ol>
 *
 * <p>"Committed" means handed to the operating system: it outlives the process, not a power cut.
 */
final class DurableH2Backend extends H2Backend {

    /** What pymongo 4.20 asks of a server; mongo-java-server's own 5.0 says wire version 8, which it refuses. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    };

    /** Before the name of a collection in the name of the map that holds its documents. */
    private static final String COLLECTIONS = "databases.";

    private static final Set<String> WRITES = Set.of(
        "insert", "update", "delete", "findandmodify", "create", "createindexes", "drop", "dropindexes",
        "dropdatabase", "renamecollection");

    /** Below this share of live data, in per cent, old parts of the file are rewritten. */
    private static final int FILL_RATE = 50;
    private static final int COMPACTION_BYTES = 8 * 1024 * 1024;

    private final MVStore store;
    private final ReadWriteLock lock = new ReentrantReadWriteLock(true);

    /** Whether anything was written since the last compaction. Guarded by the exclusive lock. */
    private boolean changed;

    private DurableH2Backend(MVStore store) {
        super(store);
        this.store = store;
        version(VERSION);
    }

    static DurableH2Backend open(Path file) {
        return new DurableH2Backend(new MVStore.Builder()
            .fileName(file.toString())
            .autoCommitDisabled()
            .autoCommitBufferSize(0)
            .open());
    }

    /**
     * Opens the maps of collections and of their indexes first, so that the library finds them open, with keys of our
     * type, for both are found by {@code _id}, and documents of ours.
     *
     * <p>The library's constructor calls this too, when it has its store and we have not.
     */
    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        MVStore opened = getMvStore();
        return new H2Database(name, opened, getCursorRegistry()) {
            @Override
            protected Index<Object> openOrCreateUniqueIndex(
                    String collection, String index, List<IndexKey> keys, boolean sparse) {
                String map = getFullCollectionNamespace(collection) + "._index_" + index;
                opened.openMap(map, new MVMap.Builder<>().keyType(new IdType()));
                return super.openOrCreateUniqueIndex(collection, index, keys, sparse);
            }

            @Override
            protected MongoCollection<Object> openOrCreateCollection(String collection, CollectionOptions options) {
                String map = COLLECTIONS + getFullCollectionNamespace(collection);
                opened.openMap(map, new MVMap.Builder<>().keyType(new IdType()).valueType(new DocumentType()));
                return super.openOrCreateCollection(collection, options);
            }
        };
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        String command = message.getDocument().keySet().iterator().next();
        if (!WRITES.contains(command.toLowerCase(Locale.ROOT))) {
            return super.handleMessage(message);
        }
        try {
            lock.readLock().lock();
            try {
                return super.handleMessage(message);
            } finally {
                lock.readLock().unlock();
            }
        } finally {
            // A command that fails may have done a part, and its answer tells the client which.
            commit();
        }
    }

    @Override
    public void commit() {
        lock.writeLock().lock();
        try {
            store.commit(); // Does nothing if a commit by another command has taken our changes along.
            changed = true;
        } finally {
            lock.writeLock().unlock();
        }
    }

    /**
     * Takes up a little of the space that overwritten documents left. To be called now and then.
     *
     * <p>Rests while nobody writes: each round leaves dead parts of its own, so that a store left alone would rewrite
     * itself for ever.
     */
    void compact() {
        lock.writeLock().lock();
        try {
            if (changed && !store.isClosed()) {
                changed = false;
                if (store.compact(FILL_RATE, COMPACTION_BYTES)) {
                    store.commit();
                }
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            super.close();
        } finally {
            lock.writeLock().unlock();
        }
    }
}
