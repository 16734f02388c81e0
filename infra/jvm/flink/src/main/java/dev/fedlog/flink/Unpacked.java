package dev.fedlog.flink;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.avro.shaded.org.apache.avro.Schema;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericData;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericRecord;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * What Python says of a batch as records to be written: topic, key, value, headers, timestamp.
 *
 * <p>Records that Python has made come first; then forecasts in columns, of which this makes Avro events, as
 * {@code schemas/forecasts.py} would. {@code flink_training/packing.py} states the layout.
 */
public final class Unpacked extends RichFlatMapFunction<byte[], Row> {
    private static final long serialVersionUID = 1L;
    private static final String TOPIC = "predictions";
    private static final String[] SENSORS = {"temperature", "humidity", "light", "voltage"};
    private static final int WATCHED = 2;
    private static final String[] KINDS = {"none", "spike", "drift", "stuck", "noise"};
    private static final byte[] LOCAL = "local".getBytes(StandardCharsets.UTF_8);

    private final String json;
    private final String registry;
    private transient Schema schema;
    private transient Schema measurements;
    private transient AvroValues predictions;

    /** The predictions' schema as JSON, the registry's address. */
    public Unpacked(String json, String registry) {
        this.json = json;
        this.registry = registry;
    }

    @Override
    public void open(OpenContext context) throws Exception {
        schema = new Schema.Parser().parse(json);
        measurements = schema.getField("forecast").schema();
        predictions = new AvroValues(TOPIC + "-value", schema, registry);
    }

    @Override
    public void flatMap(byte[] packed, Collector<Row> out) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        for (int left = in.getInt(); left > 0; left--) {
            String topic = text(in);
            byte[] key = bytes(in);
            byte[] value = bytes(in);
            Map<String, byte[]> headers = new HashMap<>();
            for (int n = in.getInt(); n > 0; n--) {
                headers.put(text(in), bytes(in));
            }
            out.collect(Row.of(topic, key, value, headers, in.getLong()));
        }
        for (int tables = in.getInt(); tables > 0; tables--) {
            String device = text(in);
            String dataset = text(in);
            int partition = in.getInt();
            for (int left = in.getInt(); left > 0; left--) {
                out.collect(prediction(in, device, dataset, partition));
            }
        }
    }

    private Row prediction(ByteBuffer in, String device, String dataset, int partition) throws IOException {
        GenericRecord made = new GenericData.Record(schema);
        long madeAt = in.getLong();
        long targetAt = in.getLong();
        long horizon = in.getLong();
        long version = in.getLong();
        made.put("prediction_id", "local/" + device + "/" + horizon / 60_000 + "/" + madeAt);
        made.put("source", "local");
        made.put("device_id", device);
        made.put("model_version", version);
        made.put("made_at", madeAt);
        made.put("target_at", targetAt);
        made.put("horizon_ms", horizon);
        made.put("reading_partition", partition);
        made.put("reading_offset", in.getLong());
        made.put("dataset", dataset);
        made.put("forecast", measured(in));
        made.put("persistence", measured(in));
        made.put("network", measured(in));
        GenericRecord actual = measured(in);
        GenericRecord error = measured(in);
        Double score = number(in);
        String faults = faults(in);
        boolean scored = in.getInt() != 0;
        int stale = in.getInt();
        // What is not put is null.
        if (scored) {
            made.put("actual", actual);
            made.put("error", error);
        }
        if (score != null) {
            made.put("anomaly_score", score);
            made.put("anomaly", !faults.isEmpty());
        }
        if (!faults.isEmpty()) {
            made.put("fault", faults);
        }
        if (stale >= 0) {
            made.put("stale", stale > 0);
        }
        Map<String, byte[]> headers = new HashMap<>();
        headers.put("source", LOCAL);
        headers.put("model_version", Long.toString(version).getBytes(StandardCharsets.UTF_8));
        byte[] key = device.getBytes(StandardCharsets.UTF_8);
        return Row.of(TOPIC, key, predictions.of(made), headers, scored ? targetAt : madeAt);
    }

    /** What alarms there are: of temperature, of humidity. */
    private static String faults(ByteBuffer in) {
        StringJoiner named = new StringJoiner(", ");
        for (int sensor = 0; sensor < WATCHED; sensor++) {
            int kind = in.getInt();
            if (kind > 0) {
                named.add(SENSORS[sensor] + " " + KINDS[kind]);
            }
        }
        return named.toString();
    }

    private GenericRecord measured(ByteBuffer in) {
        GenericRecord values = new GenericData.Record(measurements);
        for (String sensor : SENSORS) {
            values.put(sensor, number(in));
        }
        return values;
    }

    private static Double number(ByteBuffer in) {
        double value = in.getDouble();
        return Double.isNaN(value) ? null : Double.valueOf(value);
    }

    private static byte[] bytes(ByteBuffer in) {
        byte[] read = new byte[in.getInt()];
        in.get(read);
        return read;
    }

    private static String text(ByteBuffer in) {
        return new String(bytes(in), StandardCharsets.UTF_8);
    }
}
