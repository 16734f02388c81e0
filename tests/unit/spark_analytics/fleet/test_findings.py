from functools import cache

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import SENSORS, FleetInsight
from schemas.positions import moves, placings, whereabouts
from spark_analytics.fleet.findings import candidates, of_devices, of_several_days
from spark_analytics.fleet.insights import DAY_MS, HOUR_MS
from spark_analytics.fleet.rows import finding, rows
from spark_analytics.fleet.standing import over, standings, starts
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, daily, known

PLACES = {"mote-01": (0.0, 0.0), "mote-02": (1.0, 0.0), "mote-03": (0.0, 1.0)}
PLACED = known(*moves({}, PLACES, "test", "a test"))
"""What is on the topic before anything has been found."""
DAYS = 11
STEP = 4 * HOUR_MS
PARTITIONS = {"mote-01": 0, "mote-02": 1, "mote-03": 1}


def log():
    """Readings of three devices in two partitions; one comes late, one falls silent; one record is none."""
    random, records, ends = np.random.default_rng(0), [], [0, 0]
    for at in range(DAY_0, DAY_0 + DAYS * DAY_MS, STEP):
        for name, partition in PARTITIONS.items():
            day = (at - DAY_0) / DAY_MS
            if (name == "mote-02" and day < 2) or (name == "mote-03" and day > 5.5):
                continue
            values = [20 + random.normal(), 40.0, 100.0 + random.normal(), 2.7 - 0.01 * day]
            late = 30 * HOUR_MS if at % (17 * STEP) == 0 else 0
            sound = not (name == "mote-01" and at == DAY_0 + 3 * DAY_MS)
            place = name.encode(), b"no event", partition, ends[partition], at
            records.append((*place, name, at - late, *values, "test", sound))
            ends[partition] += 1
    names = [
        "key",
        "value",
        "partition",
        "offset",
        "timestamp",
        "device_id",
        "event_time",
        *SENSORS,
        "dataset",
        "sound",
    ]
    return pd.DataFrame(records, columns=names)


LOG = log()


def run(codec, records, found):
    """What a run writes that finds ``found`` on the log, in its order."""
    devices = standings(found)
    begins = starts(devices)
    made = []
    for key, own in records.groupby("key"):
        own = own[own["offset"] >= own["partition"].map(lambda partition: begins.get(partition, 0))]
        device = devices.get(key.decode())
        if device is not None:
            own = own[own["offset"] > device.after]
        if len(own):
            made += map(finding, rows(candidates(codec, own, device)).to_dict("records"))
    reached = over(made, devices)
    if reached is None:
        return []
    places = whereabouts(placings(found.values()))
    written = of_devices(reached, found, lambda since: {("mote-01", DAY_0): {"RowError": 2}})
    return written + of_several_days(reached, found | known(*written), places)


@cache
def whole(codec):
    made = run(codec, LOG, PLACED)
    assert len(known(*made)) == len(made)
    return PLACED | known(*made)


def test_a_run_finds_something_of_every_kind_and_a_second_run_nothing(codec):
    found = whole(codec)
    assert {event.kind for event in found.values()} == {
        *("placed", "joined", "profile", "correlation", "seasonality", "battery", "quality", "neighbours", "drift")
    }
    assert run(codec, LOG, found) == []
    assert found[f"quality/mote-01/{DAY_0}"].numbers["rejected_RowError"] == 2
    assert sum(e.numbers["unreadable"] for e in found.values() if e.kind == "quality" and e.device_id != "fleet") == 1
    silent = [e.numbers for e in found.values() if e.device_id == "mote-03" and e.kind == "quality"]
    assert sum(n["readings"] + n["late"] for n in silent) == (LOG["device_id"] == "mote-03").sum()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(LOG)), max_size=3))
def test_however_the_log_is_cut_the_findings_are_the_same(codec, cuts):
    found = PLACED
    for cut in [*sorted(cuts), len(LOG)]:
        made = run(codec, LOG[:cut], found)
        assert not found.keys() & {event.insight_id for event in made}
        found = found | known(*made)
    assert found == whole(codec)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(LOG)), st.lists(st.integers(0, 400), min_size=1, max_size=3))
def test_a_crash_anywhere_leaves_a_log_to_go_on_from(codec, cut, crashes):
    found = PLACED
    for written in crashes:
        found = found | known(*run(codec, LOG[:cut], found)[:written])
    found = found | known(*run(codec, LOG, found))
    assert found == whole(codec)


def test_where_devices_are_changes_nothing_but_what_is_said_of_neighbours(codec):
    without = known(*run(codec, LOG, {}))
    assert without == {name: e for name, e in whole(codec).items() if e.kind not in ("placed", "neighbours")}
    assert any(event.kind == "neighbours" for event in whole(codec).values())


def test_a_days_last_event_is_its_quality(codec):
    kinds = ("profile", "correlation", "seasonality", "battery", "quality")
    order = [e for e in whole(codec).values() if e.kind in kinds and e.device_id != "fleet"]
    days = [(e.device_id, e.start) for e in order]
    for event, day, following in zip(order, days, [*days[1:], None], strict=True):
        assert (event.kind == "quality") == (day != following)


def test_findings_come_back_from_their_rows():
    findings = [
        daily("profile", "mote-07", 0, {"mean": 1.5, "none": np.nan}, behind=(1, 2, 2**40)),
        daily("joined", "mote-07", 0, {}, None, behind=(0, 0, 0)),
    ]
    assert findings[0].numbers == {"mean": 1.5}
    back = [finding(row) for row in rows(findings).to_dict("records")]
    assert back == findings
    assert all(isinstance(event, FleetInsight) for event in back)
