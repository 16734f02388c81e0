package dev.fedlog.flink;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** A record as it lies on the log: key, value, partition, offset, timestamp in ms. */
public final class Raw implements KafkaRecordDeserializationSchema<Row> {
    private static final long serialVersionUID = 1L;
    private static final TypeInformation<?> BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE);

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Row> out) {
        out.collect(Row.of(record.key(), record.value(), record.partition(), record.offset(), record.timestamp()));
    }

    @Override
    public TypeInformation<Row> getProducedType() {
        return Types.ROW(BYTES, BYTES, Types.INT, Types.LONG, Types.LONG);
    }
}
