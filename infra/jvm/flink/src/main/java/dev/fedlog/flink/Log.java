package dev.fedlog.flink;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.types.Row;

/** Where the job reads and writes, and how time passes there. */
public final class Log {
    /** Of each partition in one fetch: with little at a time, a reader that catches up takes all partitions evenly. */
    private static final String FETCH_BYTES = "65536";
    /** At live speed the broker answers when this much has come, or after this long (ms): not for each reading. */
    private static final String LEAST_BYTES = "16384";
    private static final String LEAST_WAIT_MS = "200";
    /** Of the machine's clock, after which a partition without records counts as silent. */
    private static final Duration IDLE = Duration.ofSeconds(5);
    /** For which a record to be written may wait for others, ms of the machine's clock; and how many bytes go together. */
    private static final String LINGER_MS = "100";
    private static final String BATCH_BYTES = "131072";
    /** Of a record, what its topic takes: {@code LARGEST_BYTES} of {@code schemas.topics}. */
    private static final String LARGEST_BYTES = "16777216";

    private Log() {}

    /** A topic from its beginning; {@code bounded} ends at what is there now. */
    public static KafkaSource<Row> source(
            String bootstrap, String topic, String group, KafkaRecordDeserializationSchema<Row> read, boolean bounded) {
        KafkaSourceBuilder<Row> source = KafkaSource.<Row>builder()
                .setBootstrapServers(bootstrap)
                .setTopics(topic)
                .setGroupId(group)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setProperty("max.partition.fetch.bytes", FETCH_BYTES)
                .setProperty("fetch.min.bytes", LEAST_BYTES)
                .setProperty("fetch.max.wait.ms", LEAST_WAIT_MS)
                .setDeserializer(read);
        return (bounded ? source.setBounded(OffsetsInitializer.latest()) : source).build();
    }

    /**
     * Write records to the topic that each names, with the watermark of the whole fleet ({@link Marked}), in one task.
     *
     * <p>At least once: after a restart records come again, under the same ids.
     */
    public static void write(DataStream<Row> records, String bootstrap, Marked marks) {
        KafkaSink<Row> sink = KafkaSink.<Row>builder()
                .setBootstrapServers(bootstrap)
                .setProperty("acks", "all")
                .setProperty("linger.ms", LINGER_MS)
                .setProperty("batch.size", BATCH_BYTES)
                .setProperty("max.request.size", LARGEST_BYTES)
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(new ToRecord())
                .build();
        records.global().transform("mark", Marked.TYPE, marks).setParallelism(1).sinkTo(sink).setParallelism(1);
    }

    /** The newest reading of each partition, up to which it is complete; a silent one does not hold the others up. */
    public static WatermarkStrategy<Row> newest() {
        WatermarkStrategy<Row> strategy = context -> new Newest();
        return strategy.withIdleness(IDLE);
    }

    /**
     * That of a stream which nothing ever waits for: idle. A watermark far ahead would do as well while readings come,
     * but once they are silent, it would be everybody's.
     */
    public static WatermarkStrategy<Row> unawaited() {
        return context -> new WatermarkGenerator<>() {
            @Override
            public void onEvent(Row record, long moment, WatermarkOutput output) {}

            @Override
            public void onPeriodicEmit(WatermarkOutput output) {
                output.markIdle();
            }
        };
    }

    private static final class Newest implements WatermarkGenerator<Row> {
        private long newest = Long.MIN_VALUE;

        @Override
        public void onEvent(Row record, long timestamp, WatermarkOutput output) {
            long moment = record.getFieldAs(2);
            if (moment > 0) {
                newest = Math.max(newest, moment);
            }
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {
            output.emitWatermark(new Watermark(newest));
        }
    }
}
