"""A failing battery is found by its voltage, and alarms around it are counted in hours."""

import numpy as np
import pytest

from benchmarks.quality.failures import IN_A_ROW, Failure, found, warnings
from forecaster.config import Config
from forecaster.lockstep import Grid
from producers.cleaning import LOW_BATTERY, Verdict
from producers.dataset import DataSet
from producers.parse import ROW

CONFIG = Config()
START = 1_078_358_400_000  # 2004-03-04
HOUR = 3_600_000 // CONFIG.bin_ms


def test_a_failure_is_a_voltage_that_stays_low():
    rows = np.zeros(300, ROW)
    rows["event_time"] = START + 30_000 * np.arange(300)
    rows["mote"] = 2 + np.arange(300) % 3
    rows["voltage"], rows["temperature"], rows["humidity"] = 2.6, 20, 40
    rows["verdict"] = Verdict.ACCEPTED
    rows["voltage"][30] = 2.1  # mote 2, once
    fails = (rows["mote"] == 3) & (np.arange(300) >= 151)
    rows["voltage"][fails], rows["verdict"][fails], rows["temperature"][fails] = 2.3, Verdict.LOW_BATTERY, 122
    readings, failures = found(DataSet("made up", rows, np.zeros(1, np.uint8)))
    assert fails.sum() > IN_A_ROW
    assert failures == [Failure("mote-03", 1, int(rows["event_time"][np.argmax(fails)]))]
    assert (readings.values[readings.devices == 1, 0].max(), len(readings.event_times)) == (122, 300)
    assert (rows["voltage"][fails] < LOW_BATTERY).all()


def test_alarms_around_a_failure_are_counted_in_hours():
    alarm = np.zeros((60 * HOUR, 2), bool)
    alarm[[5 * HOUR, 28 * HOUR, 28 * HOUR + 2, 31 * HOUR, 40 * HOUR], 1] = True
    grid = Grid(START // CONFIG.bin_ms, None, np.ones_like(alarm))
    failure = Failure("mote-02", 1, START + 30 * 3_600_000)
    (one,) = warnings(CONFIG, grid, alarm, [failure])
    assert one.before == (2.0,)  # one episode in the day before; the alarm of the fifth hour is too old
    assert one.after_hours == pytest.approx(1 + 1 / HOUR)
    assert one.bins == pytest.approx(2 / (24 * HOUR))
    (none,) = warnings(CONFIG, grid, alarm & False, [failure])
    assert none.before == ()
    assert np.isnan(none.after_hours)
