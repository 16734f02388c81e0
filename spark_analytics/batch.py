"""The batch evaluator: the whole topic with one version of the model, scored."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from forecaster.config import Config
from schemas.codec import Codec
from schemas.events import SENSORS, Prediction
from spark_analytics import session
from spark_analytics.device import empty
from spark_analytics.emitting import codec, emit
from spark_analytics.evaluation import predictions
from spark_analytics.folding import fold
from spark_analytics.models import Models

logger = logging.getLogger(__name__)

TALLY = "device_id STRING, sensor STRING, horizon_ms BIGINT, labels BIGINT, error DOUBLE, persistence DOUBLE"


class NoModelError(LookupError):
    """The log has no model of that version, or none at all."""


def run(bootstrap: str, registry: str, jars: Path, version: int | None) -> pd.DataFrame:
    """Evaluate every reading on the topic; emit ``batch`` predictions; return the errors by device, as ``TALLY``.

    Raises:
        NoModelError: there is no such version.
    """
    config = Config()
    models = Models(config, bootstrap, Codec(registry))
    models.follow()
    chosen = models.champion if version is None else version
    if chosen not in models.knowledge or (version is None and chosen == 0):
        raise NoModelError(f"there is no global model {chosen or ''} on the log yet: see `make models`")
    logger.info("evaluating all of iot_stream with version %d", chosen)
    known = models.knowledge[chosen]

    def evaluate(key: Any, records: pd.DataFrame) -> pd.DataFrame:
        folded = fold(config, codec(registry), empty(config), records, 0)
        made: dict[str, Prediction] = {}
        for event in predictions(config, "batch", folded.bins, {0: chosen}, {chosen: known}, named=True):
            if event.prediction_id not in made or event.actual is not None:
                made[event.prediction_id] = event
        emit(folded.letters, bootstrap, registry)
        emit(made.values(), bootstrap, registry)
        return pd.DataFrame(list(tally(made.values())), columns=[part.split()[0] for part in TALLY.split(",")])

    with tempfile.TemporaryDirectory(prefix="fedlog-batch-") as folder:
        spark = session.start("fedlog-batch", jars, Path(folder), ui_port=None)
        topic = (
            spark.read.format("kafka")
            .option("kafka.bootstrap.servers", bootstrap)
            .option("subscribe", "iot_stream")
            .load()
        )
        return session.records(topic).groupBy("device").applyInPandas(evaluate, TALLY).toPandas()


def tally(events: Any) -> Iterator[tuple[str, str, int, int, float, float]]:
    """Sums of absolute errors by device, sensor and horizon, beside persistence's."""
    sums: dict[tuple[str, str, int], list[float]] = {}
    for event in events:
        if event.error is None:
            continue
        for s, sensor in enumerate(SENSORS):
            error, stays, actual = event.error[s], event.persistence[s], event.actual[s]
            if error is not None and stays is not None and actual is not None:
                total = sums.setdefault((event.device_id, sensor, event.horizon_ms), [0, 0.0, 0.0])
                total[0] += 1
                total[1] += abs(error)
                total[2] += abs(stays - actual)
    for (device_id, sensor, horizon_ms), (labels, error, persistence) in sums.items():
        yield device_id, sensor, horizon_ms, int(labels), error, persistence


def report(errors: pd.DataFrame) -> str:
    """Mean absolute errors by sensor and horizon beside persistence's, and the device where it is worst."""
    lines = [f"{'sensor':<12}{'minutes':>8}{'labels':>10}{'MAE':>10}{'persistence':>13}  worst device"]
    for (sensor, horizon_ms), group in errors.groupby(["sensor", "horizon_ms"], sort=True):
        total = group[["labels", "error", "persistence"]].sum()
        worst = group.assign(mae=group.error / group.labels).sort_values("mae").iloc[-1]
        lines.append(
            f"{sensor:<12}{horizon_ms // 60_000:>8}{int(total.labels):>10,}{total.error / total.labels:>10.3f}"
            f"{total.persistence / total.labels:>13.3f}  {worst.device_id} {worst.mae:.3f}"
        )
    return "\n".join(lines)
