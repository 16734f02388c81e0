"""Small tables, as ``scores.tables`` would collect them, summed up by pandas from labels."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

HOUR_MS = 3_600_000
START = 1_078_358_400_000  # 2004-03-04T00:00Z
HALF_HOUR = 1_800_000
SCALE = {"temperature": 1.0, "humidity": 4.0, "light": 100.0, "voltage": 0.01}


def labels(seed: int = 3, devices: int = 5, bins: int = 48) -> pd.DataFrame:
    """Absolute errors of three runs; device 2 is the worst by far, device 0 the best; the last has few labels."""
    rng = np.random.default_rng(seed)
    rows = []
    for run in ("local", "stream", "batch/v3"):
        for d in range(devices):
            for i in range(bins if d < devices - 1 else 10):
                for sensor, size in SCALE.items():
                    for horizon_ms in (HALF_HOUR, 2 * HALF_HOUR):
                        worse = 3.0 if d == 2 else 0.5 + 0.1 * d
                        off, stays = rng.uniform(0.5, 1.5, 2) * size * [worse, 1.0]
                        target = START + i * HALF_HOUR
                        version = 3 if run == "batch/v3" else 1 + i // 12
                        rows.append((run, f"mote-{d}", sensor, horizon_ms, target, version, off, stays))
    names = ["run", "device_id", "sensor", "horizon_ms", "target_at", "model_version", "off", "stays"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(bucket=frame["target_at"] // (6 * HOUR_MS) * 6 * HOUR_MS)


def errors(found: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Brute force: by run, sensor, horizon and one key more."""
    keys = ["run", "sensor", "horizon_ms", *more]
    grouped = found.groupby(keys, sort=False)
    rows = [
        (*key, len(own), own["off"].mean(), own["stays"].mean(), own["target_at"].min(), own["target_at"].max())
        for key, own in grouped
    ]
    frame = pd.DataFrame(rows, columns=[*keys, "labels", "mae", "persistence_mae", "begin", "end"])
    return frame.assign(ratio=frame["mae"] / frame["persistence_mae"])


def tables(found: pd.DataFrame | None = None, **changes: Any) -> Any:
    """As ``scores.tables.Tables``."""
    found = labels() if found is None else found
    runs = pd.DataFrame(
        [
            ("local", "local", 500, 400, 380, 7, 0, 5, 1, 4, START, START + 24 * HOUR_MS, ["intel_lab"]),
            ("stream", "stream", 300, 290, 280, 0, 2, 5, 1, 4, START, START + 20 * HOUR_MS, ["intel_lab"]),
            ("batch/v3", "batch", 1400, 1400, 1380, 0, 0, 5, 3, 3, START, START + 24 * HOUR_MS, ["intel_lab"]),
        ],
        columns=[
            *("run", "source", "records", "predictions", "scored", "repeats", "conflicts", "devices"),
            *("lowest", "highest", "first", "last", "datasets"),
        ],
    )
    reasons = pd.DataFrame(
        [
            (3, "same version", True, True, 120, 1, 3.0, 3.0),
            (3, "another version", True, True, 170, 3, 1.0, 4.0),
            (3, "the stream has not come so far", False, True, 1110, 0, np.nan, np.nan),
        ],
        columns=["version", "reason", "in_stream", "in_batch", "forecasts", "stream_versions", "lowest", "highest"],
    )
    pairs = pd.DataFrame(
        [
            (3, True, "temperature", 120, 0, 2e-7, 4e-7, 0, 0),
            (3, False, "temperature", 170, 0, 0.2, 1.5, 168, 0),
        ],
        columns=[
            *("version", "same", "sensor", "pairs", "one_sided", "average", "largest", "exceeding", "readings"),
        ],
    )
    differences = pd.DataFrame(
        [(3, True, "temperature", -7, 120), (3, False, "temperature", -2, 30), (3, False, "temperature", 0, 140)],
        columns=["version", "same", "sensor", "decade", "pairs"],
    )
    alarms = pd.DataFrame(
        [
            ("local", "mote-1", START + HOUR_MS, 5.5, "temperature drift"),
            ("local", "mote-2", START + 2 * HOUR_MS, 6.0, "humidity spike"),
            ("stream", "mote-1", START + HOUR_MS, 5.5, "temperature drift, humidity noise"),
        ],
        columns=["run", "device_id", "target_at", "score", "fault"],
    )
    faults = alarms.groupby(["run", "fault"], as_index=False).agg(
        bins=("device_id", "size"), devices=("device_id", "nunique")
    )
    made = {
        **{
            "runs": runs,
            "fleet": errors(found),
            "devices": errors(found, "device_id"),
            "times": errors(found, "bucket"),
        },
        **{"versions": errors(found, "model_version"), "reasons": reasons, "pairs": pairs, "differences": differences},
        **{"faults": faults, "alarms": alarms, "unreadable": 0, "bucket_ms": 6 * HOUR_MS},
    }
    return SimpleNamespace(**made | changes)


def nothing() -> Any:
    """Of a topic without forecasts."""
    full = vars(tables())
    return SimpleNamespace(**{n: v.iloc[:0] if isinstance(v, pd.DataFrame) else v for n, v in full.items()})
