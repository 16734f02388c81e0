package dev.fedlog.flink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.TimeDomain;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * A device's records collected until the watermark reaches them, and handed on as one, in the order of the log.
 *
 * <p>So a batch is as long as the watermark's interval, no record waits behind a watermark that has passed it, unless one
 * from later stands before it, and what comes later in the job may trust that watermark. Where no watermark comes, for a
 * partition is silent or a record has a moment far ahead, all go on after {@code patience} ms, if there is such a limit.
 */
public final class MicroBatches extends KeyedProcessFunction<Row, Row, Row> {
    private static final long serialVersionUID = 1L;

    private final long patience;
    private transient ListState<byte[]> records;
    private transient ValueState<Long> head;

    /** How long a record may wait, ms of this machine's clock; 0 for ever. */
    public MicroBatches(long patience) {
        this.patience = patience;
    }

    @Override
    public void open(OpenContext context) {
        records = getRuntimeContext()
                .getListState(new ListStateDescriptor<>("records", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        head = getRuntimeContext().getState(new ValueStateDescriptor<>("head", Types.LONG));
    }

    @Override
    public void processElement(Row record, Context context, Collector<Row> out) throws Exception {
        records.add((byte[]) record.getField(1));
        if (head.value() == null) {
            begin((Long) record.getField(2), context);
        }
    }

    @Override
    public void onTimer(long moment, OnTimerContext context, Collector<Row> out) throws Exception {
        boolean reached = context.timeDomain() == TimeDomain.EVENT_TIME;
        long until = reached ? context.timerService().currentWatermark() : Long.MAX_VALUE;
        if (head.value() == null || head.value() > until) {
            return;
        }
        List<byte[]> batch = new ArrayList<>();
        List<byte[]> later = new ArrayList<>();
        for (byte[] record : records.get()) {
            (later.isEmpty() && Measured.moment(record) <= until ? batch : later).add(record);
        }
        records.update(later);
        head.clear();
        if (!later.isEmpty()) {
            begin(Measured.moment(later.get(0)), context);
        }
        out.collect(Row.of(context.getCurrentKey().getField(0), packed(batch)));
    }

    /** Wait for the watermark to reach the first record of a batch. */
    private void begin(long moment, Context context) throws Exception {
        head.update(moment);
        context.timerService().registerEventTimeTimer(moment);
        if (patience > 0) {
            long now = context.timerService().currentProcessingTime();
            context.timerService().registerProcessingTimeTimer(now + patience);
        }
    }

    private static byte[] packed(List<byte[]> batch) {
        int size = Integer.BYTES;
        for (byte[] record : batch) {
            size += record.length;
        }
        ByteBuffer packed = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).putInt(batch.size());
        for (byte[] record : batch) {
            packed.put(record, 0, Measured.FIXED);
        }
        for (byte[] record : batch) {
            packed.put(record, Measured.FIXED, record.length - Measured.FIXED);
        }
        return packed.array();
    }
}
