"""In which order people expect rows. Pure."""

import pandas as pd

from schemas.events import SENSORS

SOURCES = ("local", "stream", "batch")


def place(run: str) -> tuple[int, int, str]:
    """Of a run among others: ``local``, ``stream``, then ``batch`` by version; what nobody knows at the end."""
    source, _, version = run.partition("/v")
    known = SOURCES.index(source) if source in SOURCES else len(SOURCES)
    return known, int(version) if version.isdecimal() else 0, run


def in_order(frame: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Rows by columns of it, runs as in ``place``, sensors as in ``SENSORS``, the ``same`` before others."""

    def keyed(column: pd.Series) -> pd.Series:
        if column.name == "run":
            ranked = {run: i for i, run in enumerate(sorted(column.unique(), key=place))}
            return column.map(ranked)
        if column.name == "same":
            return ~column.astype(bool)
        return column.map(SENSORS.index) if column.name == "sensor" else column

    return frame.sort_values(list(by), key=keyed, ignore_index=True, kind="stable")
