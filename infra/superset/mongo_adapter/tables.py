"""The tables Superset sees: for each, a collection, flat typed columns, and how its documents are found."""

from typing import Literal, NamedTuple

Kind = Literal["string", "integer", "float", "boolean", "time"]
Reading = Literal["find", "forecasts", "readings", "devices"]

SENSORS = ("temperature", "humidity", "light", "voltage")
_FLOATS: dict[str, Kind] = dict.fromkeys(SENSORS, "float")


class Column(NamedTuple):
    """A column: its name, its kind, and where its value lies in the document (dots lead into nested records)."""

    name: str
    kind: Kind
    path: str


class Table(NamedTuple):
    """A table over one collection.

    Attributes:
        reading: ``find`` filters the collection; the others look documents up by ``_id`` (see ``reader``).
        limit: documents read at most; more are left out, so it is only for collections that may be shown in part.
        unwind: array whose items are rows.
        joined: record that comes from another collection.
    """

    name: str
    collection: str
    columns: tuple[Column, ...]
    reading: Reading = "find"
    limit: int = 0
    unwind: str = ""
    joined: str = ""

    def column(self, name: str) -> Column:
        """The column called ``name``."""
        return next(column for column in self.columns if column.name == name)

    def unwound(self, column: Column) -> bool:
        """Whether the column's value differs between the rows of one document."""
        return column.path.partition(".")[0] == self.unwind

    def filterable(self, column: Column) -> bool:
        """Whether MongoDB can filter by it; what it cannot, SQLite does."""
        return column.path.partition(".")[0] not in {self.unwind, self.joined}


def _columns(under: str = "", prefix: str = "", **kinds: Kind) -> tuple[Column, ...]:
    return tuple(Column(prefix + name, kind, under + name) for name, kind in kinds.items())


def _measurements(record: str) -> tuple[Column, ...]:
    return _columns(f"{record}.", f"{record}_", **_FLOATS)


_ERRORS = _columns(
    "errors.", sensor="string", horizon_ms="integer", count="integer", mae="float", persistence_mae="float"
)

_ALL = (
    Table(
        "predictions",
        "predictions",
        (
            *_columns(prediction_id="string", source="string", device_id="string", model_version="integer"),
            *_columns(made_at="time", target_at="time", horizon_ms="integer"),
            *_measurements("forecast"),
            *_measurements("persistence"),
            *_measurements("actual"),
            *_measurements("error"),
            *_columns(anomaly_score="float", anomaly="boolean", reading_partition="integer", reading_offset="integer"),
            *_columns(dataset="string", fault="string"),
        ),
        reading="forecasts",
    ),
    Table(
        "readings",
        "sensor_readings",
        (
            *_columns(device_id="string", event_time="time", epoch="integer"),
            *_columns(**_FLOATS),
            *_columns(dataset="string", lap="integer", position="integer"),
        ),
        reading="readings",
    ),
    Table(
        "devices",
        "local_models",
        (
            *_columns(device_id="string", sequence="integer", event_time="time", base_version="integer"),
            *_columns(example_count="integer", reading_partition="integer", last_offset="integer", dataset="string"),
            *_columns("reading.", "reading_", event_time="time", **_FLOATS),
        ),
        reading="devices",
        joined="reading",
    ),
    Table(
        "device_errors",
        "local_models",
        (*_columns(device_id="string", event_time="time", base_version="integer", dataset="string"), *_ERRORS),
        unwind="errors",
    ),
    Table(
        "global_models",
        "global_model",
        (
            *_columns(version="integer", parent_version="integer", window_start="time", window_end="time"),
            *_columns(strategy="string", example_count="integer", promotion="string", dataset="string"),
        ),
    ),
    Table(
        "global_model_errors",
        "global_model",
        (*_columns(version="integer", window_end="time", promotion="string", dataset="string"), *_ERRORS),
        unwind="errors",
    ),
    Table(
        "global_model_contributions",
        "global_model",
        (
            *_columns(version="integer", window_end="time"),
            *_columns("contributions.", update_id="string", device_id="string", base_version="integer"),
            *_columns("contributions.", staleness="integer", example_count="integer", coefficient="float"),
            *_columns("contributions.", outcome="string", reason="string"),
        ),
        unwind="contributions",
    ),
    Table(
        "dead_letters",
        "dead_letters",
        (
            *_columns(letter_id="string", stage="string", origin_topic="string", origin_partition="integer"),
            *_columns(origin_offset="integer", origin_timestamp="time", error_class="string", error_message="string"),
        ),
        # A data set full of broken rows has hundreds of thousands, and no id leads to the newest of them.
        limit=20_000,
    ),
)

TABLES = {table.name: table for table in _ALL}
