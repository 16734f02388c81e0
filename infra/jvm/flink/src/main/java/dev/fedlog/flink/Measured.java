package dev.fedlog.flink;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.shaded.org.apache.avro.Schema;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericDatumReader;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericRecord;
import org.apache.flink.avro.shaded.org.apache.avro.io.BinaryDecoder;
import org.apache.flink.avro.shaded.org.apache.avro.io.DatumReader;
import org.apache.flink.avro.shaded.org.apache.avro.io.DecoderFactory;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.formats.avro.registry.confluent.ConfluentSchemaRegistryCoder;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * A raw record of {@code iot_stream} with its numbers read: key, packed record, and the moment it was measured at.
 *
 * <p>This only spares Python the work. What is not a sound reading is passed on unread, and Python's codec, which has
 * the last word, says what is wrong with it. Its moment is 0: it waits for nothing, and time does not pass by it,
 * whatever its record's timestamp says. {@code flink_training/packing.py} states the layout.
 */
public final class Measured implements KafkaRecordDeserializationSchema<Row> {
    static final TypeInformation<Row> TYPE = Types.ROW(Types.STRING, Types.PRIMITIVE_ARRAY(Types.BYTE), Types.LONG);

    private static final long serialVersionUID = 1L;
    private static final long EARLIEST = 631_152_000_000L;
    private static final long LATEST = 4_102_444_800_000L;
    private static final String[] SENSORS = {"temperature", "humidity", "light", "voltage"};
    static final int FIXED = 72;
    /** A zero, and four bytes that say which schema; as many schemas as may be known at a time. */
    private static final int HEADER = 5;
    private static final int KNOWN = 1000;

    private final String schema;
    private final String registry;
    private transient Schema own;
    private transient ConfluentSchemaRegistryCoder schemas;
    private transient Map<Integer, DatumReader<GenericRecord>> readers;
    private transient BinaryDecoder decoder;

    /** The reader's schema as JSON, the registry's address. */
    public Measured(String schema, String registry) {
        this.schema = schema;
        this.registry = registry;
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        own = new Schema.Parser().parse(schema);
        schemas = new ConfluentSchemaRegistryCoder(new CachedSchemaRegistryClient(registry, KNOWN));
        readers = new HashMap<>();
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return TYPE;
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Row> out) {
        byte[] key = record.key() == null ? new byte[0] : record.key();
        byte[] value = record.value() == null ? new byte[0] : record.value();
        GenericRecord reading = read(key, value);
        ByteBuffer packed = ByteBuffer.allocate(FIXED + key.length + value.length).order(ByteOrder.LITTLE_ENDIAN);
        long moment = reading == null ? 0 : (Long) reading.get("event_time");
        packed.putLong(record.offset()).putLong(record.timestamp()).putLong(moment);
        for (String sensor : SENSORS) {
            Object measured = reading == null ? null : reading.get(sensor);
            packed.putDouble(measured == null ? Double.NaN : (Double) measured);
        }
        packed.putInt(record.partition()).putInt(reading == null ? 0 : 1);
        packed.putInt(record.key() == null ? -1 : key.length).putInt(record.value() == null ? -1 : value.length);
        packed.put(key).put(value);
        out.collect(Row.of(new String(key, StandardCharsets.ISO_8859_1), packed.array(), moment));
    }

    /** The moment in a packed record, ms. */
    static long moment(byte[] packed) {
        return ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN).getLong(2 * Long.BYTES);
    }

    private GenericRecord read(byte[] key, byte[] value) {
        if (value.length <= HEADER || value[0] != 0) {
            return null;
        }
        GenericRecord reading;
        try {
            reading = decoded(value);
        } catch (Exception unreadable) {
            // Where a record ends too early, the decoder stands behind its end, and would for all that come.
            decoder = null;
            return null;
        }
        long moment = (Long) reading.get("event_time");
        boolean sound = moment >= EARLIEST && moment < LATEST;
        sound &= reading.get("device_id").toString().equals(new String(key, StandardCharsets.UTF_8));
        for (String sensor : SENSORS) {
            Object measured = reading.get(sensor);
            sound &= measured == null || Double.isFinite((Double) measured);
        }
        return sound ? reading : null;
    }

    /** Not by Flink's own schema, whose one decoder passes what a broken record leaves on to the next. */
    private GenericRecord decoded(byte[] value) throws IOException {
        int id = ByteBuffer.wrap(value).getInt(1);
        DatumReader<GenericRecord> reader = readers.get(id);
        if (reader == null) {
            reader = new GenericDatumReader<>(schemas.readSchema(new ByteArrayInputStream(value)), own);
            readers.put(id, reader);
        }
        decoder = DecoderFactory.get().binaryDecoder(value, HEADER, value.length - HEADER, decoder);
        return reader.read(null, decoder);
    }
}
