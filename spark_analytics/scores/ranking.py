"""Which devices are forecast worst, best, and as most are. Pure."""

import pandas as pd

RANKED = ("temperature", "humidity")
LABELS = 20
"""Without which, at some horizon, nothing is said of a device."""


def relative(devices: pd.DataFrame, fleet: pd.DataFrame) -> pd.DataFrame:
    """Devices by how wrong their forecasts are, the worst first.

    ``error`` is the device's mean absolute error over the fleet's of persistence, the mean over temperature, humidity
    and the horizons; ``persistence`` the same of persistence on the device. So no sensor's unit decides, nor how little
    there was to forecast at a device.

    Args:
        devices: of one run (``tables.Tables``).
        fleet: the same run's.

    Returns:
        device_id, error, persistence, labels (of the horizon that has fewest); without devices with too few labels.
    """
    by = ["sensor", "horizon_ms"]
    scale = fleet.set_index(by)["persistence_mae"].rename("scale")
    own = devices[devices["sensor"].isin(RANKED)].join(scale, on=by)
    own = own[own["scale"] > 0]
    own = own.assign(error=own["mae"] / own["scale"], persistence=own["persistence_mae"] / own["scale"])
    found = own.groupby("device_id", as_index=False).agg(
        error=("error", "mean"), persistence=("persistence", "mean"), labels=("labels", "min"), parts=("labels", "size")
    )
    # A device that lacks a sensor is compared with nobody.
    found = found[(found["labels"] >= LABELS) & (found["parts"] == found["parts"].max())]
    return found.sort_values(["error", "device_id"], ascending=[False, True], ignore_index=True).drop(columns="parts")


def typical(ranked: pd.DataFrame) -> list[str]:
    """The worst, the median and the best of ``relative``, fewer where there are fewer."""
    names = ranked["device_id"].tolist()
    return list(dict.fromkeys([names[0], names[len(names) // 2], names[-1]])) if names else []


def worst(devices: pd.DataFrame) -> pd.DataFrame:
    """The row with the largest error for each run, sensor and horizon; of equals the first by name."""
    known = devices[devices["labels"] >= LABELS]
    ordered = known.sort_values(["mae", "device_id"], ascending=[False, True])
    return ordered.groupby(["run", "sensor", "horizon_ms"], as_index=False).first()


def by_horizon(devices: pd.DataFrame, sensor: str) -> pd.DataFrame:
    """A row for each device of one run, the worst first: by its error, mean over the horizons; few labels at the end.

    Args:
        devices: of one run (``tables.Tables``).
        sensor: of which.

    Returns:
        By device_id; columns (labels, mae, persistence_mae or ratio, horizon_ms), NaN where a device has no labels.
    """
    values = ["labels", "mae", "persistence_mae", "ratio"]
    found = devices[devices["sensor"] == sensor].pivot(index="device_id", columns="horizon_ms", values=values)
    few = found["labels"].min(axis=1) < LABELS
    order = pd.DataFrame({"few": few, "error": -found["mae"].mean(axis=1)}).sort_values(["few", "error", "device_id"])
    return found.loc[order.index]
