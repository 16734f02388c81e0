package dev.fedlog.mongo;

import de.bwaldvogel.mongo.backend.KeyValue;
import org.h2.mvstore.type.ObjectDataType;

/**
 * The keys of an index on {@code _id}, in the order that H2 gives them, found without serialising them.
 *
 * <p>H2 orders objects it does not know by their serialised bytes, and makes these anew for each comparison of each
 * search. Of two keys that are one text each, these bytes differ first in the text's length and then in its letters;
 * what is not that simple is left to H2.
 */
final class IdType extends ObjectDataType {

    /** Longer texts are serialised with another tag. */
    private static final int LONGEST = 65_535;

    @Override
    public int compare(Object a, Object b) {
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
        if (!(key instanceof KeyValue values) || values.size() != 1 || !(values.get(0) instanceof String text)) {
            return null;
        }
        boolean plain = text.length() <= LONGEST && text.chars().allMatch(letter -> letter > 0 && letter < 0x80);
        return plain ? text : null;
    }
}
