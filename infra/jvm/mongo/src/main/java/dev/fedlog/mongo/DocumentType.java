package dev.fedlog.mongo;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.ObjectDataType;

/**
 * Documents in a collection's map, as BSON: they come and go so on the wire.
 *
 * <p>H2 has Java serialize what it does not know, which took a quarter of the time of an insert. Files from before hold
 * documents in that form; they are read too, and rewritten as BSON with their page.
 */
final class DocumentType extends ObjectDataType {

    /** Not one of H2's own tags, which end at 119. */
    private static final byte BSON = 125;

    /** What a document took lately, bytes: H2 asks for each one before it has been written. */
    private volatile int typicalSize = 512;

    @Override
    public int getMemory(Object value) {
        return value instanceof Document ? typicalSize : super.getMemory(value);
    }

    @Override
    public void write(WriteBuffer buffer, Object value) {
        if (!(value instanceof Document document)) {
            super.write(buffer, value);
            return;
        }
        ByteBuf bytes = Unpooled.buffer(typicalSize);
        BsonEncoder.encodeDocument(document, bytes);
        int size = bytes.readableBytes();
        buffer.put(BSON).put(ByteBuffer.wrap(bytes.array(), 0, size));
        typicalSize += (size - typicalSize) / 16;
    }

    @Override
    public Object read(ByteBuffer buffer) {
        int start = buffer.position();
        if (buffer.get(start) != BSON) {
            return super.read(buffer);
        }
        // A document begins with its own length.
        int size = buffer.slice(start + 1, Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).getInt();
        Document document = BsonDecoder.decodeBson(Unpooled.wrappedBuffer(buffer.slice(start + 1, size)));
        buffer.position(start + 1 + size);
        return document;
    }
}
