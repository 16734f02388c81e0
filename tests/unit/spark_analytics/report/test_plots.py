"""What figures are made of."""

import colorsys

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.report import event_plots
from spark_analytics.report.decisions import decisions
from spark_analytics.report.drawing import OF_BATCH, OF_SOURCE, RUNS, drawn
from spark_analytics.report.series_plot import POINTS, line, thinning

STEP = 300_000


@given(st.sets(st.integers(0, 300), min_size=1), st.integers(1, 4))
def test_a_line_has_every_point_and_breaks_at_every_gap(places: set[int], step: int):
    times = pd.Series(sorted(places)) * step * STEP
    values = times / STEP
    made = line(times, values, step * STEP, "local", "#000000")
    assert [y for y in made["y"] if y is not None] == values.tolist()
    gaps = int((times.diff().dropna() > step * STEP).sum())
    assert made["y"].count(None) == gaps
    assert len(made["x"]) == len(set(made["x"])) == len(places) + gaps
    assert made["x"] == sorted(made["x"])


@given(st.integers(0, 10**13), st.integers(0, 10**12))
def test_thinning_leaves_as_many_points_as_may_be(first: int, length: int):
    every = thinning(first, first + length, STEP)
    bins = length // STEP + 1
    assert bins / every <= POINTS
    assert every == 1 or bins / (every - 1) > POINTS


def test_runs_keep_their_colours_and_the_newest_of_batch_are_drawn():
    runs = ["stream", "local", *(f"batch/v{n}" for n in range(1, 13))]
    assert list(drawn(runs)) == ["local", "stream", "batch/v9", "batch/v10", "batch/v11", "batch/v12"]
    assert len(drawn(runs)) == RUNS
    assert drawn(runs)["stream"] == drawn(["stream"])["stream"] == OF_SOURCE["stream"]


def test_colours_differ_in_lightness_or_hue():
    colours = [*OF_SOURCE.values(), *OF_BATCH]
    assert len(set(colours)) == RUNS
    seen = [colorsys.rgb_to_hls(*(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5))) for c in colours]
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) > 0.03 for i, a in enumerate(seen) for b in seen[:i])


def test_faults_have_kinds():
    told = {"temperature drift": "drift", "humidity stuck": "stuck", "light noise, voltage spike": "several"}
    told |= {"": "not said", "temperature melted": "not said"}
    assert {fault: event_plots.kind(fault) for fault in told} == told


def test_decades_have_names():
    assert [event_plots.decade_name(d) for d in (-10, -6, 0)] == ["below 1e-9", "1e-6 to 1e-5", "1e0 to 1e1"]


def test_decisions_count_once_and_in_order():
    def event(version, promotion="candidate", champion=1, made=()):
        return {
            **{"version": version, "window_end": version * 10, "promotion": promotion, "champion": champion},
            **{"decisions": [{"version": v, "state": s, "by": "policy", "reason": "r"} for v, s in made]},
        }

    found = decisions(
        [
            event(3, made=[(2, "promoted"), (1, "rejected")]),
            event(2, promotion="promoted", champion=-1),
            event(3, made=[(9, "promoted")]),
            event(4),
            event(5, promotion="promoted", champion=4),
        ]
    )
    assert found[["moment", "version", "state", "told_by"]].to_numpy().tolist() == [
        *([20, 2, "promoted", 2], [30, 2, "promoted", 3], [30, 1, "rejected", 3])
    ]
    assert decisions([]).empty
