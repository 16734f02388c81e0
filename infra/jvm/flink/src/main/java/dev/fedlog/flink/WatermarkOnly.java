package dev.fedlog.flink;

import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** A stream without its records: united with another, it holds that one's watermark back, and nothing else. */
public final class WatermarkOnly implements FlatMapFunction<Row, Row> {
    private static final long serialVersionUID = 1L;

    @Override
    public void flatMap(Row record, Collector<Row> out) {}
}
