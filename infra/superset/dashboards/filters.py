"""A dashboard's filters, as Superset's native filter bar has them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from infra.superset.dashboards.charts import Chart
from infra.superset.dashboards.datasets import DATASETS
from infra.superset.dashboards.identity import uuid_of


class Filter(NamedTuple):
    """A filter.

    Attributes:
        name: what people read.
        kind: ``select`` of values, ``range`` of numbers, or ``time``.
        column: which charts are filtered by, where their data set has it; none for time.
        dataset: whose values can be chosen.
        default: values chosen at first.
        first: whether the first value is chosen at first.
        several: whether more than one value can be chosen.
    """

    name: str
    about: str
    kind: str
    column: str = ""
    dataset: str = ""
    default: tuple[Any, ...] = ()
    first: bool = False
    several: bool = True


def devices(dataset: str = "devices", *, first: bool = False) -> Filter:
    """Devices to show; where ``first``, one at a time."""
    about = "The device to look at." if first else "Charts of devices show these; none chosen: all."
    return Filter("Device" if first else "Devices", about, "select", "device_id", dataset, (), first, not first)


def sensor(dataset: str) -> Filter:
    """The sensor errors and profiles are of: one at a time, for units differ."""
    about = "The sensor to look at: temperature in °C, humidity in %RH, light in lux, voltage in V."
    return Filter("Sensor", about, "select", "sensor", dataset, ("temperature",), several=False)


def horizon(dataset: str) -> Filter:
    """How far ahead forecasts are."""
    return Filter("Horizon", "Minutes ahead.", "select", "horizon_min", dataset, (30,), several=False)


def source(dataset: str) -> Filter:
    """Who forecasts."""
    about = "Devices (local), the streaming evaluator (stream) or a batch evaluation (batch); none chosen: all."
    return Filter("Source", about, "select", "source", dataset)


def versions(dataset: str) -> Filter:
    """Versions of the global model."""
    return Filter("Versions", "From and to a version of the global model.", "range", "version", dataset)


def time() -> Filter:
    """A range of event time. None at first: that of the Intel Lab's data is in 2004."""
    return Filter("Event time", "A range of event time (UTC), in 2004 for the Intel Lab's data.", "time")


def conditions(filters: Iterable[Filter], chart: Chart) -> list[dict[str, Any]]:
    """What the filters ask of a chart as long as nobody has touched them."""
    return [
        {"col": each.column, "op": "IN", "val": list(each.default)}
        for each in filters
        if each.default and applies(each, chart)
    ]


def applies(each: Filter, chart: Chart) -> bool:
    """Whether a filter is about a chart: its data set has the column, and the chart does not fix it itself."""
    if each.kind == "time":
        return chart.dataset.time is not None
    known = {*chart.dataset.columns, *chart.dataset.computed}
    return each.column in known and each.column not in {column for column, _, _ in chart.where}


def native(dashboard: str, filters: Sequence[Filter], charts: Sequence[Chart]) -> list[dict[str, Any]]:
    """The filters as a dashboard's metadata has them; charts are known by their place, from one on."""
    return [_native(dashboard, each, charts) for each in filters]


def _native(dashboard: str, each: Filter, charts: Sequence[Chart]) -> dict[str, Any]:
    chosen = list(each.default)
    target = {"column": {"name": each.column}, "datasetUuid": uuid_of("dataset", each.dataset)} if each.column else {}
    control: dict[str, Any] = {"enableEmptyFilter": each.first or bool(chosen)}
    if each.kind == "select":
        control |= {
            "multiSelect": each.several,
            "defaultToFirstItem": each.first,
            "inverseSelection": False,
            "searchAllOptions": False,
            "sortAscending": True,
        }
        assert each.column in DATASETS[each.dataset].columns, each
    extra = {"filters": [{"col": each.column, "op": "IN", "val": chosen}]} if chosen else {}
    state = {"value": chosen, "label": ", ".join(map(str, chosen))} if chosen else {}
    return {
        "id": f"NATIVE_FILTER-{dashboard}-{each.name.lower().replace(' ', '-')}",
        "type": "NATIVE_FILTER",
        "filterType": f"filter_{each.kind}",
        "name": each.name,
        "description": each.about,
        "targets": [target],
        "controlValues": control,
        "requiredFirst": each.first,
        "defaultDataMask": {"extraFormData": extra, "filterState": state, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [place for place, chart in enumerate(charts, 1) if not applies(each, chart)],
        },
    }
