"""What the terminal says of scores."""

import json
import re
from collections import namedtuple

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.scores.ranking import typical
from spark_analytics.scores.records import records
from spark_analytics.scores.sections import DEVICES
from spark_analytics.scores.text import numeric, report, table
from tests.unit.spark_analytics.scores.scored import labels, nothing, tables

CELLS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


def test_errors_stand_beside_persistence_with_their_units():
    found = labels()
    lines = report(tables(found)).splitlines()
    for run in ("local", "stream", "batch/v3"):
        for sensor, unit in (("temperature", "°C"), ("humidity", "%RH"), ("light", "lux"), ("voltage", "V")):
            own = found[(found["run"] == run) & (found["sensor"] == sensor) & (found["horizon_ms"] == 1_800_000)]
            mae, stays = own["off"].mean(), own["stays"].mean()
            [line] = [line for line in lines if re.match(rf"{run} +{sensor} +{unit} +30 min", line)]
            by_device = own.groupby("device_id")["off"].agg(["mean", "size"])
            worst = by_device[by_device["size"] >= 20]["mean"].idxmax()
            assert line.split()[5:] == [
                *(f"{len(own):,}", f"{mae:.4g}", f"{stays:.4g}", f"{mae / stays:.3g}"),
                *(worst, f"{by_device.loc[worst, 'mean']:.4g}"),
            ]


def test_every_device_stands_beside_persistence_at_each_horizon_the_worst_first():
    found = labels()
    own = found[(found["run"] == "batch/v3") & (found["sensor"] == "temperature")]
    lines = report(tables(found)).splitlines()
    begin = lines.index("Device by device, batch/v3, temperature, °C:")
    head = "device labels MAE 30 min persistence's ratio MAE 60 min persistence's ratio"
    assert lines[begin + 1].split() == head.split()
    shown = [line.split() for line in lines[begin + 2 : begin + 7]]
    assert [row[0] for row in shown[:1] + shown[3:]] == ["mote-2", "mote-0", "mote-4"], "of mote-4 there are few labels"
    for name, count, *cells in shown:
        wanted = []
        for horizon_ms in (1_800_000, 3_600_000):
            part = own[(own["device_id"] == name) & (own["horizon_ms"] == horizon_ms)]
            mae, stays = part["off"].mean(), part["stays"].mean()
            wanted += [f"{mae:.4g}", f"{stays:.4g}", f"{mae / stays:.3g}"]
            assert count == str(len(part))
        assert cells == wanted
    assert lines[begin + 7].startswith("5 of 5 devices, the worst first")


def test_of_many_devices_the_worst_are_shown_and_how_many_there_are():
    found = labels(devices=DEVICES + 5, bins=20)  # the last has few labels, the one before is far off
    lines = report(tables(found)).splitlines()
    begin = lines.index("Device by device, batch/v3, temperature, °C:")
    assert lines[begin + 2].startswith("mote-103 ")
    assert lines[begin + 2 + DEVICES].startswith(f"{DEVICES} of {DEVICES + 5} devices")


def test_for_programs_there_is_every_device_sensor_and_run():
    made = vars(tables(unreadable=4))
    told = json.loads(json.dumps(records(namedtuple("Tables", made)(**made))))
    assert told["unreadable"] == 4
    assert told["runs"][0]["datasets"] == ["intel_lab"]
    assert told["reasons"][2]["lowest"] is None
    pd.testing.assert_frame_equal(pd.DataFrame(told["devices"]), made["devices"], rtol=1e-12)


def test_repeats_and_conflicts_are_said():
    text = report(tables(unreadable=4))
    assert re.search(r"^local +1 to 4 +5 +400 +380 +7 +0 ", text, re.M)
    assert re.search(r"^stream +1 to 4 +5 +290 +280 +0 +2 ", text, re.M)
    assert "more than one content" in text
    assert "4 records of the topic are no predictions" in text


def test_agreement_of_the_same_version_is_a_sentence():
    assert "With version 3 stream and batch agree: 120 numbers, none further apart than 4e-07" in report(tables())


def test_disagreement_is_loud_and_tells_what_it_can():
    pairs = tables().pairs
    pairs.loc[0, ["exceeding", "one_sided", "readings"]] = [5, 2, 3]
    text = report(tables(pairs=pairs))
    assert "DIFFER in 7 of 120 numbers: behind 3 of them lie other readings, 4 the log does not explain." in text


def test_a_version_that_the_stream_has_not_used_need_not_agree():
    pairs = tables().pairs
    assert "has not used version 3" in report(tables(pairs=pairs[~pairs["same"]]))


def test_reasons_name_the_versions_of_the_stream():
    text = report(tables())
    assert re.search(r"^v3 +another version +170 +1 to 4$", text, re.M)
    assert re.search(r"^v3 +the stream has not come so far +1,110 +–$", text, re.M)


def test_a_topic_without_forecasts_says_what_to_start():
    assert report(nothing()) == (
        "There are no forecasts in this range: `make up` starts what makes them, `make batch` makes them anew."
    )


def test_over_time_is_the_mean_ratio_of_temperature_and_humidity():
    found = labels()
    own = found[(found["run"] == "stream") & found["sensor"].isin(["temperature", "humidity"])]
    begin = own["bucket"].min()
    parts = [part for _, part in own[own["bucket"] == begin].groupby(["sensor", "horizon_ms"])]
    ratio = np.mean([part["off"].mean() / part["stays"].mean() for part in parts])
    [line] = [line for line in report(tables(found)).splitlines() if re.match("stream +2004-03-04 00:00 ", line)]
    assert line.split()[3:] == [f"{sum(map(len, parts)):,}", f"{ratio:.3g}"]


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)))
def test_columns_of_a_table_line_up(rows: list[list[str]]):
    head = [f"c{i}" for i in range(len(rows[0]))]
    lines = table(head, rows)
    assert [line.split() for line in lines] == [head, *rows]
    place = 0
    for i, name in enumerate(head):
        column = [row[i] for row in rows]
        width = max(map(len, (name, *column)))
        for line, cell in zip(lines, (name, *column), strict=True):
            shown = line[place : place + width].ljust(width)
            assert shown == (cell.rjust(width) if numeric(column) else cell.ljust(width))
        place += width + 2


def test_typical_of_nothing_is_nothing():
    assert typical(tables().devices.iloc[:0]) == []
