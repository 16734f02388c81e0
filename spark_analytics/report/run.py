"""Spark round the page: read the log, sum it up, draw."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from plotly.graph_objects import Figure  # type: ignore[import-not-found]  # of Spark's environment only
from plotly.offline import get_plotlyjs  # type: ignore[import-not-found]

from forecaster.config import Config
from spark_analytics import frames, session
from spark_analytics.pins import replace
from spark_analytics.report.command import Ends, OptionError, again, ends_of, listed
from spark_analytics.report.offsets import stretches
from spark_analytics.report.page import page
from spark_analytics.report.parts import Content, parts
from spark_analytics.report.points import insights, points, promotions
from spark_analytics.report.series_plot import thinning
from spark_analytics.scores.ordering import place
from spark_analytics.scores.ranking import relative, typical
from spark_analytics.scores.tables import Tables, collect

TOPICS_READ = ("predictions", "global_models", "fleet_analytics")
RECORDS = 250_000
"""Of the topic for each part of what Spark shuffles: a month of forecasts does not fit into memory."""


class Wanted(NamedTuple):
    """What a page is to show.

    Attributes:
        since, until: event time, ms: forecasts made from then on, and before then.
        devices: to show in detail; none: the worst, the median and the best.
        ends: where to stop reading.
    """

    since: int | None
    until: int | None
    devices: Sequence[str]
    ends: Ends


def wanted(since: int | None, until: int | None, devices: str, ends: str) -> Wanted:
    """From what was said on the command line: devices and ``TOPIC:PARTITION:OFFSET``, joined by commas.

    Raises:
        OptionError: it cannot be understood.
    """
    return Wanted(since, until, listed(devices), ends_of(ends))


def run(bootstrap: str, registry: str, jars: Path, asked: Wanted, out: Path) -> None:
    """Write the page.

    Raises:
        OptionError: the log does not go as far as ``asked.ends``, or has no forecasts of a device that is asked.
        KafkaException: Kafka does not answer.
    """
    known = stretches(bootstrap, TOPICS_READ, asked.ends)
    ends = {topic: {partition: own.end for partition, own in part.items()} for topic, part in known.items()}
    with tempfile.TemporaryDirectory(prefix="fedlog-report-") as folder:
        records = sum(own.end - own.start for own in known["predictions"].values())
        spark = session.start("fedlog-report", jars, Path(folder), None, records)
        spark.conf.set("spark.sql.shuffle.partitions", str(2 + records // RECORDS))
        forecasts, models, fleet = (
            frames.decoded(frames.whole(spark, bootstrap, topic, ends=ends[topic]), topic, registry)
            for topic in TOPICS_READ
        )
        tables = collect(forecasts, asked.since, asked.until, bucket_ms=None)
        devices, bin_ms = chosen(tables, asked.devices), Config().bin_ms
        step_ms = bin_ms
        if len(tables.runs):
            step_ms *= thinning(int(tables.runs["first"].min()), int(tables.runs["last"].max()), bin_ms)
        drawn = points(forecasts, devices, asked.since, asked.until, step_ms)
        command = again(asked.since, asked.until, devices, ends)
        told = promotions(models), insights(fleet)
        content = Content(tables, *told, drawn, devices, step_ms, bin_ms, known, command)
        spark.stop()
    for part in parts(content):
        for figure in part.figures:
            Figure(figure)  # raises where a property is none of plotly's
    out.parent.mkdir(parents=True, exist_ok=True)
    replace(out, page(content, get_plotlyjs()))


def chosen(tables: Tables, wanted: Sequence[str]) -> list[str]:
    """The devices to show: those that are wanted, else the worst, the median and the best of a run.

    That run is the stream where there is one, else the first of the others.

    Raises:
        OptionError: a device has no scored forecasts.
    """
    present = set(tables.devices["device_id"])
    if missing := [name for name in wanted if name not in present]:
        few = ", ".join(sorted(present)) or "none"
        raise OptionError(f"no scored forecasts of {', '.join(missing)} in this range; there are some of: {few}")
    if wanted or tables.devices.empty:
        return list(wanted)
    every = sorted(tables.devices["run"].unique(), key=lambda run: (run != "stream", place(run)))
    run = every[0]
    ranked = relative(tables.devices[tables.devices["run"] == run], tables.fleet[tables.fleet["run"] == run])
    return typical(ranked)
