package dev.fedlog.flink;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.types.Row;

/** A row of {@link Marked} as the record it describes; a forecast's says when it was written, as {@code schemas.wire} has it. */
public final class ToRecord implements KafkaRecordSerializationSchema<Row> {
    private static final long serialVersionUID = 1L;

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Row row, KafkaSinkContext context, Long unused) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                (String) row.getField(0),
                (Integer) row.getField(5),
                (Long) row.getField(4),
                (byte[]) row.getField(1),
                (byte[]) row.getField(2));
        Map<String, byte[]> headers = row.getFieldAs(3);
        headers.forEach(record.headers()::add);
        if (record.topic().equals("predictions")) {
            String now = Long.toString(System.currentTimeMillis());
            record.headers().add("written_at", now.getBytes(StandardCharsets.US_ASCII));
        }
        return record;
    }
}
