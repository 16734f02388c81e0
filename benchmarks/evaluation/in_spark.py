"""The ways to evaluate a topic's readings, each timed on a session that has warmed up: a script for Spark's Python.

``python -m benchmarks.evaluation.in_spark BOOTSTRAP REGISTRY JARS FOLDER``; the last line it prints is JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow.parquet
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from benchmarks.evaluation.row_udf import forecast_a_row
from forecaster.config import Config
from schemas.codec import Codec
from schemas.events import SENSORS
from spark_analytics import avro, batch, frames, session
from spark_analytics.choice import Pin
from spark_analytics.columns import forecasts
from spark_analytics.device import Device, latest, step
from spark_analytics.models import Models, Shelf
from spark_analytics.readings import COLUMNS, TOPIC, readings
from spark_analytics.sending import send
from spark_analytics.session import CORES

ROWS = 100_000
"""Readings given to the way that takes so long for each: some of every device."""
SHOWN = ["device_id", "made_at", "horizon_ms", *(f"forecast_{sensor}" for sensor in SENSORS)]


def main(bootstrap: str, registry: str, jars: Path, folder: Path) -> None:
    """Time them all; print a JSON object."""
    models = Models(Config(), bootstrap, Codec(registry))
    models.follow()
    known = Shelf(Config(), bootstrap, models.codec).numbers(1, models.addresses[1]).copy()
    spark = session.start("fedlog-bench", jars, folder / "spark", None, session.MUCH)
    spark.sparkContext.setLogLevel("ERROR")
    topic = frames.decoded(frames.whole(spark, bootstrap, TOPIC), TOPIC, registry)
    file = str(folder / "readings.parquet")
    topic.selectExpr(*COLUMNS).write.parquet(file)
    stored = spark.read.parquet(file)
    total = stored.count()

    def spread(records: DataFrame) -> DataFrame:
        return batch.evaluated(records, registry, 1, known, batch.Range())

    def whole() -> None:
        sent = send(avro.records(spread(topic.selectExpr(*COLUMNS)), registry), bootstrap).collect()
        assert sum(row.sent for row in sent)

    small = str(folder / "few.parquet")
    rows = share(stored, ROWS, small)
    runs = count(1)

    def rowwise() -> DataFrame:
        few = spark.read.parquet(small)
        assert few.rdd.getNumPartitions() == CORES, "one core would do all the work"
        said = forecast_a_row(known, next(runs))("device_id", "event_time", *SENSORS)
        return few.select("device_id", said.alias("said"))

    plain(file, registry, known, 1)
    found = {
        "readings": total,
        "rows": rows,
        "batch": total / best(whole),
        "spark": total / best(lambda: noop(spread(stored))),
        "plain_jax": total / best(lambda: plain(file, registry, known)),
        "row_udf": rows / best(lambda: noop(rowwise())),
    }
    wanted = plain(file, registry, known)
    found["difference"] = difference(spread(stored).select(*SHOWN).toPandas(), wanted)
    found["row_difference"] = difference(parted(rowwise().toPandas()), wanted, "left")
    spark.stop()
    sys.stdout.write(json.dumps(found) + "\n")


def share(stored: DataFrame, rows: int, folder: str) -> int:
    """Write each device's first readings, about ``rows`` of all together, the devices dealt to a file for each core.

    Returns:
        How many there are.
    """
    devices = stored.select("device_id").distinct().count()
    placed = stored.selectExpr(
        *("device_id", "event_time", *SENSORS, "partition", "offset"),
        "row_number() OVER (PARTITION BY device_id ORDER BY partition, offset) AS place",
        f"dense_rank() OVER (ORDER BY device_id) % {CORES} AS part",
    )
    few = placed.where(f"place <= {-(-rows // devices)}")
    for n in range(CORES):
        own = few.where(f"part = {n}").coalesce(1).sortWithinPartitions("partition", "offset")
        own.write.mode("append").parquet(folder)
    return few.count()


def parted(rows: pd.DataFrame) -> pd.DataFrame:
    """What the UDF said, as ``SHOWN``; without forecasts that have no number."""
    rows = rows.dropna(subset="said")  # here, for Spark would call the UDF a second time to filter by it
    said, parts = np.stack(list(rows["said"])), []
    for h, horizon_ms in enumerate(Config().horizons_ms):
        own = said[:, 1 + h * len(SENSORS) : 1 + (h + 1) * len(SENSORS)]
        named = {"device_id": rows["device_id"], "made_at": said[:, 0].astype(np.int64), "horizon_ms": horizon_ms}
        parts.append(pd.DataFrame(named | {f"forecast_{sensor}": own[:, s] for s, sensor in enumerate(SENSORS)}))
    return pd.concat(parts).dropna(how="all", subset=SHOWN[3:])


def noop(frame: DataFrame) -> None:
    """Have all its rows made, and kept nowhere."""
    frame.write.format("noop").mode("overwrite").save()


def best(way: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the fastest of some runs, the first of which may have compiled."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def plain(file: str, registry: str, known: NDArray[np.float32], devices: int | None = None) -> pd.DataFrame:
    """The same without Spark: the file read whole, device after device."""
    rows = pyarrow.parquet.read_table(file).to_pandas()
    return pd.concat(list(_each(rows, Codec(registry), known, devices)))[SHOWN]


def _each(rows: pd.DataFrame, codec: Codec, known: NDArray[np.float32], devices: int | None) -> Iterator[pd.DataFrame]:
    for _, own in list(rows.groupby("key"))[:devices]:
        taken, _ = readings(codec, own)
        assert taken is not None
        named = taken.device_id, taken.partition, taken.dataset
        choose = Pin(1, 1, 0, 0).choose
        _, table, _ = step(Config(), Device(), taken.device_id, taken.columns, choose, lambda _: known, batch.BINS)
        yield forecasts(latest(table), batch.SOURCE, *named, named=True)


def difference(one: pd.DataFrame, other: pd.DataFrame, how: Literal["outer", "left"] = "outer") -> float:
    """The largest, of forecasts of the same moments, in the sensors' units; with ``left``, of those that one has."""
    both = one.merge(other, on=SHOWN[:3], how=how, suffixes=("", "_other"), validate="one_to_one", indicator=True)
    assert len(both) == len(one)
    assert (both["_merge"] == "both").all()
    values = [both[name] - both[f"{name}_other"] for name in SHOWN[3:]]
    return float(np.nanmax(np.abs(values)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
