package dev.fedlog.flink;

import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.types.Row;

/**
 * {@code global_models} where training keeps step with aggregation: behind each model the watermark, the moment up to
 * which no model can become due that has not come yet. A model's own moment, the end of its window, is the record's
 * last field.
 *
 * <p>The watermark is state: after a restart the models that it stands on are behind the source's offset.
 */
public final class ModelsInStep extends AbstractStreamOperator<Row> implements OneInputStreamOperator<Row, Row> {
    private static final long serialVersionUID = 1L;

    private final long first;
    private final long ahead;
    private transient ListState<Long> kept;
    private transient long reached;

    /** Before {@code first}, ms, no model can be due, and after one of them none {@code ahead} ms after its window. */
    public ModelsInStep(long first, long ahead) {
        this.first = first;
        this.ahead = ahead;
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        kept = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("reached", Types.LONG));
        reached = first;
        for (long moment : kept.get()) {
            reached = Math.max(reached, moment);
        }
    }

    @Override
    public void open() throws Exception {
        super.open();
        emit();
    }

    @Override
    public void processElement(StreamRecord<Row> model) {
        output.collect(model);
        reached = Math.max(reached, (Long) model.getValue().getField(4) + ahead);
        emit();
    }

    @Override
    public void processWatermark(Watermark mark) throws Exception {
        // The source has none of its own but the last one, where it is bounded, which ends this too.
        if (mark.getTimestamp() == Long.MAX_VALUE) {
            super.processWatermark(mark);
        }
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        kept.update(List.of(reached));
    }

    private void emit() {
        // At the moment itself the next model can be due.
        output.emitWatermark(new Watermark(reached - 1));
    }
}
