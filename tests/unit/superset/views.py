"""Documents as the sink writes them, and a database of them that knows as much of MongoDB as the adapter uses."""

import operator

from mongo_sink.documents import placed, value_of
from mongo_sink.ids import ID_STRATEGIES, IdOptions
from schemas.events import LocalUpdate, Prediction, Reading
from schemas.wire import Origin
from tests.unit.schemas.avro import read

BIN = 300_000
NOON = 1_078_401_600_000

_OPERATORS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


class Cursor(list):
    """What ``find`` returns."""

    def limit(self, most):
        return Cursor(self[:most]) if most else self

    def batch_size(self, _):
        return self


class Collection(list):
    """Documents; remembers what was asked."""

    def __init__(self, documents):
        super().__init__(documents)
        self.asked = []

    def find(self, wanted, projection=None):
        self.asked.append((wanted, projection))
        return Cursor(document for document in self if matches(document, wanted))


def matches(document, wanted):
    """Whether a document meets a filter, by MongoDB's rules for values of one type."""
    for path, clause in wanted.items():
        if path == "$and":
            if not all(matches(document, part) for part in clause):
                return False
            continue
        value = document
        for name in path.split("."):
            value = value.get(name) if value is not None else None
        for name, operand in clause.items():
            match name:
                case "$in":
                    met = value in operand
                case "$eq":
                    met = value == operand
                case "$ne":
                    met = value != operand
                case _:
                    met = value is not None and _OPERATORS[name](value, operand)
            if not met:
                return False
    return True


def naive(value):
    """Dates as a client without ``tz_aware`` reads them."""
    if isinstance(value, dict):
        return {name: naive(item) for name, item in value.items()}
    if isinstance(value, list):
        return [naive(item) for item in value]
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


def stored(event, topic, partition, offset, field=None):
    """An event's document, its ``_id`` made by the strategy that the sink's connectors name."""
    strategy = ID_STRATEGIES["ValueFieldStrategy" if field else "KafkaMetaDataStrategy"]
    origin = Origin(topic, partition, offset)
    document = value_of(read(event), topic)
    return naive(placed(document | {"_id": strategy.make(IdOptions(field))(document, origin)}, origin))


def reading(device, offset, partition=0):
    measured = Reading(device, NOON + offset, 1, 20.0 + offset, 40.0, 100.0, 2.6, "test")
    return stored(measured, "iot_stream", partition, offset)


def update(device, end, offset, errors=(), partition=0):
    local = LocalUpdate(f"{device}/1", device, 1, end, 0, None, "tanh", b"w", 1, partition, 0, offset, errors, "test")
    return stored(local, "local_updates", partition, 0, "device_id")


def prediction(name, source, device, made_at, horizon, forecast):
    made = Prediction(
        *(name, source, device, 1, made_at, made_at + horizon, horizon, forecast, forecast, None, None, None, None),
        *(0, 0, "test"),
    )
    return stored(made, "predictions", 0, 0, "prediction_id")
