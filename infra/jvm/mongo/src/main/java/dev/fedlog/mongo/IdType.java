package dev.fedlog.mongo;

import de.bwaldvogel.mongo.backend.KeyValue;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
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
        int byLength = Integer.compare(one.length(), other.length());
        return byLength != 0 ? byLength : one.compareTo(other);
    }

    /** The text that a key is, if each of its letters is one byte when serialised; else null. */
    private static String text(Object key) {
        if (!(key instanceof KeyValue && only(key) instanceof String text)) {
            return null;
        }
        boolean plain = text.length() <= LONGEST && text.chars().allMatch(letter -> letter > 0 && letter < 0x80);
        return plain ? text : null;
    }

    /** The value that a key is; null if it consists of several. */
    private static Object only(Object key) {
        if (key instanceof KeyValue values) {
            return values.size() == 1 ? values.get(0) : null;
        }
        return key;
    }
}
