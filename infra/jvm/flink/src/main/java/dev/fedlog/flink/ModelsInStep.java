package dev.fedlog.flink;

import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.types.Row;

/**
 * The watermark of {@code global_models} where training keeps step with aggregation: the moment before which no model
 * can become due that has not come yet. A model's own moment, the end of its window, is the record's last field.
 *
 * <p>It rises in small steps. An update carries the watermark from before its own step, and a window closes by what
 * updates carry: after one large step training would wait for a window that nothing closes.
 */
public final class ModelsInStep implements WatermarkGenerator<Row> {
    private static final long STEP = 600_000;

    private final long delay;
    private long reached;
    private long said;

    private ModelsInStep(long first, long delay) {
        this.reached = first;
        this.said = first - 2 * delay;
        this.delay = delay;
    }

    /** Until {@code first}, ms, no model can be due; each becomes due {@code delay} ms after its window. */
    public static WatermarkStrategy<Row> strategy(long first, long delay) {
        WatermarkStrategy<Row> strategy = context -> new ModelsInStep(first, delay);
        return strategy.withTimestampAssigner((row, unused) -> (Long) row.getField(4));
    }

    @Override
    public void onEvent(Row model, long windowEnd, WatermarkOutput output) {
        reached = Math.max(reached, windowEnd + delay);
    }

    @Override
    public void onPeriodicEmit(WatermarkOutput output) {
        while (said < reached) {
            said = Math.min(said + STEP, reached);
            output.emitWatermark(new Watermark(said));
        }
    }
}
