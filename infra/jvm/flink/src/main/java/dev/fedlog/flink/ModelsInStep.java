package dev.fedlog.flink;

import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.types.Row;

/**
 * The watermark of {@code global_models} where training keeps step with aggregation: the moment before which no model
 * can become due that has not come yet. A model's own moment, the end of its window, is the record's last field.
 */
public final class ModelsInStep implements WatermarkGenerator<Row> {

    private final long delay;
    private long reached;

    private ModelsInStep(long first, long delay) {
        this.reached = first;
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
        output.emitWatermark(new Watermark(reached));
    }
}
