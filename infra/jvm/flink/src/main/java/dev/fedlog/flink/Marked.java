package dev.fedlog.flink;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.types.Row;

/**
 * Records to be written, and the watermark with them: topic, key, value, headers, timestamp, partition or null.
 *
 * <p>All of the fleet's records come by here, so the watermark says what has been trained on and written before. Every
 * record of one topic carries it in a header. And each time it enters another step, every partition of that topic gets
 * a mark, a record without key and value whose header it is: who reads a partition up to a mark has everything in it
 * up to that moment, whether or not a device there has anything to say.
 */
public final class Marked extends AbstractStreamOperator<Row> implements OneInputStreamOperator<Row, Row> {
    private static final long serialVersionUID = 1L;
    static final TypeInformation<Row> TYPE = Types.ROW(
            Types.STRING,
            Types.PRIMITIVE_ARRAY(Types.BYTE),
            Types.PRIMITIVE_ARRAY(Types.BYTE),
            Types.MAP(Types.STRING, Types.PRIMITIVE_ARRAY(Types.BYTE)),
            Types.LONG,
            Types.INT);

    private final String topic;
    private final int partitions;
    private final String header;
    private final long step;
    private transient long passed;

    /** The topic to mark and its partitions; the header's name; event time between two marks, ms. */
    public Marked(String topic, int partitions, String header, long step) {
        this.topic = topic;
        this.partitions = partitions;
        this.header = header;
        this.step = step;
    }

    @Override
    public void open() throws Exception {
        super.open();
        passed = Long.MIN_VALUE;
    }

    @Override
    public void processElement(StreamRecord<Row> element) {
        Row row = element.getValue();
        Map<String, byte[]> headers = new HashMap<>(row.getFieldAs(3));
        if (topic.equals(row.getField(0))) {
            // Before the first watermark, one that vouches for nothing: a reader shall know that the topic is marked.
            headers.put(header, text(Math.max(passed, 0)));
        }
        output.collect(element.replace(
                Row.of(row.getField(0), row.getField(1), row.getField(2), headers, row.getField(4), null)));
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        long moment = mark.getTimestamp();
        // The last watermark of a job that ends says nothing about event time.
        if (moment != Long.MAX_VALUE) {
            if (passed == Long.MIN_VALUE || Math.floorDiv(moment, step) > Math.floorDiv(passed, step)) {
                for (int partition = 0; partition < partitions; partition++) {
                    Map<String, byte[]> headers = new HashMap<>(Map.of(header, text(moment)));
                    output.collect(new StreamRecord<>(Row.of(topic, null, null, headers, moment, partition)));
                }
            }
            passed = moment;
        }
        super.processWatermark(mark);
    }

    private static byte[] text(long moment) {
        return Long.toString(moment).getBytes(StandardCharsets.UTF_8);
    }
}
