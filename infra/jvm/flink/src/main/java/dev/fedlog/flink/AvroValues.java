package dev.fedlog.flink;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.shaded.org.apache.avro.Schema;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericDatumWriter;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericRecord;
import org.apache.flink.avro.shaded.org.apache.avro.io.BinaryEncoder;
import org.apache.flink.avro.shaded.org.apache.avro.io.DatumWriter;
import org.apache.flink.avro.shaded.org.apache.avro.io.EncoderFactory;
import org.apache.flink.formats.avro.registry.confluent.ConfluentSchemaRegistryCoder;

/**
 * Values of one schema as they go onto the log: the header that says which it is in the registry, then Avro.
 *
 * <p>The registry is asked once. Flink's own serializer asks its client's cache for each record, where a schema is looked
 * up by all of its fields, and that takes as long as to write the record.
 */
final class AvroValues {
    private final byte[] header;
    private final DatumWriter<GenericRecord> writer;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private BinaryEncoder encoder;

    /** The subject in the registry at an address that has the schema. */
    AvroValues(String subject, Schema schema, String registry) throws IOException {
        ByteArrayOutputStream named = new ByteArrayOutputStream();
        new ConfluentSchemaRegistryCoder(subject, new CachedSchemaRegistryClient(registry, 1)).writeSchema(schema, named);
        header = named.toByteArray();
        writer = new GenericDatumWriter<>(schema);
    }

    byte[] of(GenericRecord record) throws IOException {
        bytes.reset();
        bytes.write(header);
        encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
        writer.write(record, encoder);
        encoder.flush();
        return bytes.toByteArray();
    }
}
