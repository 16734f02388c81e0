"""``document.id.strategy``: what a document's ``_id`` is, always a function of the record alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.events import Event
from schemas.wire import Origin


class IdStrategy(NamedTuple):
    """``id_of(event, origin, field)`` and whether it is told a field of the event."""

    id_of: Callable[[Event, Origin, str | None], Any]
    needs_field: bool


def _metadata(event: Event, origin: Origin, field: str | None) -> str:
    return f"{origin.topic}#{origin.partition}#{origin.offset}"


def _value_field(event: Event, origin: Origin, field: str | None) -> Any:
    return getattr(event, str(field))


ID_STRATEGIES = {
    # MongoDB's connector has this one, with the same result.
    "KafkaMetaDataStrategy": IdStrategy(_metadata, needs_field=False),
    # Its PartialValueStrategy makes {"device_id": "mote-07"}; the bare value is what one looks up by hand.
    "ValueFieldStrategy": IdStrategy(_value_field, needs_field=True),
}
