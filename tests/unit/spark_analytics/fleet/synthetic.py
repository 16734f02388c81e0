"""Readings of one device as columns, and days and findings made from them."""

import numpy as np

from forecaster.binning import Columns
from spark_analytics.fleet.days import days
from spark_analytics.fleet.insights import DAY_MS, insight

DAY_0 = 12_482 * DAY_MS  # 2004-03-05, a Friday


def columns(times, values=None, offsets=None):
    times = np.asarray(times, np.int64)
    values = np.tile([20.0, 40.0, 100.0, 2.7], (len(times), 1)) if values is None else np.asarray(values, np.float64)
    return Columns(times, values, np.arange(len(times)) if offsets is None else np.asarray(offsets, np.int64))


def a_day(times, values=None):
    """The only day that some readings make."""
    [day] = days("mote-07", "test", 1, columns(times, values))
    return day


def daily(kind, device_id, day, numbers, sensor="temperature", **more):
    span = DAY_0 + day * DAY_MS, DAY_0 + (day + 1) * DAY_MS
    return insight(kind, device_id, span, numbers, "test", sensor, **more)


def known(*events):
    return {event.insight_id: event for event in events}
