package dev.fedlog.flink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.types.Row;

/**
 * Each device's records collected until the watermark reaches them, and handed on as one, in the order of the log.
 *
 * <p>So a batch is as long as the watermark's interval, no record waits behind a watermark that has passed it, unless one
 * from later stands before it, and what comes later in the job may trust that watermark. Where no watermark comes, for a
 * partition is silent or a record has a moment far ahead, all go on after {@code patience} ms, if there is such a limit.
 *
 * <p>It stands before the shuffle, in one task, so that batches cross the network and not records, and nothing is looked
 * up for a record. What it holds becomes state with a checkpoint only.
 */
public final class MicroBatches extends AbstractStreamOperator<Row> implements OneInputStreamOperator<Row, Row> {
    private static final long serialVersionUID = 1L;
    private static final TypeInformation<Row> TYPE = Types.ROW(Types.STRING, Types.PRIMITIVE_ARRAY(Types.BYTE));

    private final long patience;
    private transient Map<String, Waiting> devices;
    private transient ListState<Row> kept;
    private transient boolean timed;

    /** One device's records, and since when the first of them is waited for, ms of this machine's clock. */
    private static final class Waiting {
        private final List<byte[]> records = new ArrayList<>();
        private long since;
    }

    /** How long a record may wait, ms of this machine's clock; 0 for ever. */
    public MicroBatches(long patience) {
        this.patience = patience;
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        devices = new LinkedHashMap<>();
        kept = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("records", TYPE));
    }

    @Override
    public void open() throws Exception {
        super.open();
        for (Row record : kept.get()) {
            hold(record);
        }
    }

    @Override
    public void processElement(StreamRecord<Row> element) {
        hold(element.getValue());
    }

    private void hold(Row record) {
        Waiting waiting = devices.computeIfAbsent((String) record.getField(0), device -> new Waiting());
        if (waiting.records.isEmpty()) {
            waiting.since = getProcessingTimeService().getCurrentProcessingTime();
        }
        waiting.records.add((byte[]) record.getField(1));
        if (patience > 0 && !timed) {
            timed = true;
            getProcessingTimeService().registerTimer(waiting.since + patience, this::impatient);
        }
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        devices.forEach((device, waiting) -> handOn(device, waiting, mark.getTimestamp()));
        super.processWatermark(mark);
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        List<Row> held = new ArrayList<>();
        devices.forEach((device, waiting) -> waiting.records.forEach(record -> held.add(Row.of(device, record))));
        kept.update(held);
    }

    private void impatient(long now) {
        long next = Long.MAX_VALUE;
        for (Map.Entry<String, Waiting> device : devices.entrySet()) {
            Waiting waiting = device.getValue();
            if (waiting.since + patience <= now) {
                handOn(device.getKey(), waiting, Long.MAX_VALUE);
            } else if (!waiting.records.isEmpty()) {
                next = Math.min(next, waiting.since + patience);
            }
        }
        timed = next < Long.MAX_VALUE;
        if (timed) {
            getProcessingTimeService().registerTimer(next, this::impatient);
        }
    }

    /** Records from the first on, as long as their moment is not after {@code until}. */
    private void handOn(String device, Waiting waiting, long until) {
        int n = 0;
        while (n < waiting.records.size() && Measured.moment(waiting.records.get(n)) <= until) {
            n++;
        }
        if (n == 0) {
            return;
        }
        List<byte[]> batch = waiting.records.subList(0, n);
        output.collect(new StreamRecord<>(Row.of(device, packed(batch))));
        batch.clear();
        waiting.since = getProcessingTimeService().getCurrentProcessingTime();
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
