"""Forecasts of a device in columns: a few numpy operations a batch, whatever its length."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.anomalies.evidence import WATCHED
from forecaster.config import SENSORS, Config

VALUES = ("<f8", len(SENSORS))
COLUMNS = np.dtype(
    [
        ("made_at", "<i8"),
        ("target_at", "<i8"),
        ("horizon_ms", "<i8"),
        ("model_version", "<i8"),
        ("reading_offset", "<i8"),
        ("forecast", *VALUES),
        ("persistence", *VALUES),
        ("network", *VALUES),
        ("actual", *VALUES),
        ("error", *VALUES),
        ("anomaly_score", "<f8"),
        ("kinds", "<i4", WATCHED),
        ("scored", "<i4"),
        ("stale", "<i4"),
    ]
)
"""One row a prediction, no padding; NaN where there is no number. ``Unpacked.java`` reads the same layout.

``kinds`` are those of the alarms (``detector.KINDS``) for each sensor that is watched; ``stale`` is -1 where it is not
known.
"""

Forecasts = NDArray[np.void]
"""[n] of ``COLUMNS``."""


def columns(
    config: Config,
    numbers: NDArray[np.int64],
    versions: NDArray[np.int64],
    last_offsets: NDArray[np.int64],
    outputs: Any,
    stale: NDArray[np.int32] | None = None,
) -> Forecasts:
    """For each bin, the forecasts that it is the target of, scored; then those made at it.

    Args:
        config: of the learning core.
        numbers: int64 [n], of the bins.
        versions: int64 [n], the global model that those made at each stand on.
        last_offsets: int64 [n], of the last reading in each.
        outputs: ``online.Outputs`` or ``evaluator.Outputs`` of the bins, first axis [n].
        stale: int32 [n], what is known of those versions' age, if that is ``evaluator``'s.
    """
    n, horizons = len(numbers), len(config.horizons)
    table = np.zeros((n, 2, horizons), COLUMNS)
    ends = (np.asarray(numbers, np.int64) + 1)[:, None] * config.bin_ms
    ahead = np.asarray(config.horizons_ms)
    level = np.asarray(outputs.level, np.float64)[:, None, :]
    table["horizon_ms"] = ahead
    table["reading_offset"] = last_offsets[:, None, None]
    due, made = table[:, 0], table[:, 1]
    due["made_at"], due["target_at"] = ends - ahead, ends
    made["made_at"], made["target_at"] = ends, ends + ahead
    due["model_version"], made["model_version"] = outputs.scored_version, versions[:, None]
    due["forecast"], made["forecast"] = outputs.scored, outputs.forecasts.combined
    due["network"], made["network"] = outputs.scored_network, outputs.forecasts.network
    due["persistence"], made["persistence"] = outputs.scored_level, level
    due["actual"], made["actual"] = level, np.nan
    table["error"] = table["forecast"] - table["actual"]
    due["anomaly_score"], made["anomaly_score"] = np.fmax.reduce(outputs.verdict.score, axis=1)[:, None], np.nan
    due["kinds"] = outputs.verdict.kind[:, None, :WATCHED]
    due["scored"] = 1
    table["stale"] = -1
    if stale is not None:
        due["stale"], made["stale"] = outputs.scored_stale, stale[:, None]
    known = np.isfinite(table["forecast"]).any(axis=-1)
    known[:, 0] &= np.isfinite(level).any(axis=-1)
    return table[known]
