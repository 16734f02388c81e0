package dev.fedlog.mongo;

import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import java.nio.ByteBuffer;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.ObjectDataType;

/**
 * The keys of a collection, which are {@code _id}s, and of its index on them, found without serialising them.
 *
 * <p>H2 orders objects it does not know, as an index's keys, by their serialised bytes, and makes these anew for each
 * comparison of each search. Of two such keys that are one text each, these bytes differ first in the text's length and
 * then in its letters: this keeps to that order.
 *
 * <p>Of two documents these bytes may differ although the documents do not: a map is written with the room it has,
 * which is another once it was read back, so that H2 would not find it again. Documents are ordered as MongoDB does.
 * What is neither is left to H2.
 */
final class IdType extends ObjectDataType {

    /** Longer texts are serialised with another tag. */
    private static final int LONGEST = 65_535;

    /** Before the text that an index's key is. Not one of H2's own tags, which end at 119. */
    private static final byte TEXT = 126;

    @Override
    public void write(WriteBuffer buffer, Object key) {
        String text = text(key);
        if (text == null) {
            super.write(buffer, key);
        } else {
            buffer.put(TEXT);
            super.write(buffer, text);
        }
    }

    @Override
    public Object read(ByteBuffer buffer) {
        if (buffer.get(buffer.position()) != TEXT) {
            return super.read(buffer);
        }
        buffer.get();
        return new KeyValue(super.read(buffer));
    }

    @Override
    public int compare(Object a, Object b) {
        if (only(a) instanceof Document first && only(b) instanceof Document second) {
            return ValueComparator.ascWithoutListHandling().compare(first, second);
        }
        String one = text(a);
        String other = text(b);
        if (one == null || other == null) {
            return super.compare(a, b);
        }
        return compareTexts(one, other);
    }

    /** As H2's, but the key that is looked for is looked at once. */
    @Override
    public int binarySearch(Object key, Object storage, int size, int guess) {
        String wanted = text(key);
        if (wanted == null) {
            return super.binarySearch(key, storage, size, guess);
        }
        Object[] keys = (Object[]) storage;
        int low = 0;
        int high = size - 1;
        int middle = guess > 0 && guess <= size ? guess - 1 : high >>> 1;
        while (low <= high) {
            String other = text(keys[middle]);
            int order = other == null ? super.compare(key, keys[middle]) : compareTexts(wanted, other);
            if (order == 0) {
                return middle;
            }
            if (order > 0) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
            middle = low + high >>> 1;
        }
        return ~low;
    }

    private static int compareTexts(String one, String other) {
        int byLength = Integer.compare(one.length(), other.length());
        return byLength != 0 ? byLength : one.compareTo(other);
    }

    /** The text that a key is, if each of its letters is one byte when serialised; else null. */
    private static String text(Object key) {
        if (!(key instanceof KeyValue && only(key) instanceof String text)) {
            return null;
        }
        int length = text.length();
        if (length > LONGEST) {
            return null;
        }
        for (int i = 0; i < length; i++) { // a search compares some twenty times; a stream took a third of an insert
            char letter = text.charAt(i);
            if (letter == 0 || letter >= 0x80) {
                return null;
            }
        }
        return text;
    }

    /** The value that a key is; null if it consists of several. */
    private static Object only(Object key) {
        if (key instanceof KeyValue values) {
            return values.size() == 1 ? values.get(0) : null;
        }
        return key;
    }
}
