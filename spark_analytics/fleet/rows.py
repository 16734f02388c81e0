"""Findings as rows of a Spark frame, and back. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from schemas.events import FleetInsight
from spark_analytics.fleet.episodes import Scored

ROWS = (
    "insight_id STRING, kind STRING, device_id STRING, sensor STRING, start BIGINT, `end` BIGINT,"
    " numbers MAP<STRING, DOUBLE>, labels MAP<STRING, STRING>,"
    " reading_partition INT, first_offset BIGINT, last_offset BIGINT, dataset STRING"
)


def rows(findings: Iterable[FleetInsight]) -> pd.DataFrame:
    """As rows of ``ROWS``; those of several devices, whose offsets are null, are none of these."""
    return pd.DataFrame(list(findings), columns=list(FleetInsight._fields))


def finding(row: Mapping[str, Any]) -> FleetInsight:
    """That in a row, or in an event as Spark has it."""
    values = {name: row[name] for name in FleetInsight._fields}
    return FleetInsight(**values | {"numbers": dict(values["numbers"]), "labels": dict(values["labels"])})


def scored(frame: pd.DataFrame) -> list[Scored]:
    """Bins in a frame of columns named as in ``Scored``, in order; an alarm that is null is none, a score 0."""
    frame = frame.sort_values("start")
    return [
        Scored(int(row.start), bool(row.alarm), float(row.score), row.fault or "", int(row.offset))
        for row in frame.itertuples(index=False)
    ]
