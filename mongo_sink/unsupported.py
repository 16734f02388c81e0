"""Properties that Kafka Connect or MongoDB's connector has and this one does not: which, and why."""

from collections.abc import Mapping
from typing import Any

DEFAULTS = {
    # What says in other words that nothing of the kind is wanted.
    "namespace.mapper": ("DefaultNamespaceMapper",),
    "delete.writemodel.strategy": ("DeleteOneDefaultStrategy",),
    "key.projection.type": ("none", ""),
    "key.projection.list": ("",),
    "change.data.capture.handler": ("",),
    "namespace.mapper.error.if.invalid": ("false",),
    "timeseries.timefield.auto.convert.locale.language.tag": ("",),
    "server.api.version": ("",),
    "server.api.strict": ("false",),
    "server.api.deprecation.errors": ("false",),
    "predicates": ("",),
    "provider": ("",),
}
KEYS = "the keys of this log are plain text, of which there is nothing to choose"
REASONS = {
    "predicates": "they choose between single message transforms, which are code of Kafka Connect's",
    "change.data.capture.handler": "the topics carry events, and no changes of another database",
    "namespace.mapper": "a topic has one collection, named by collection or topic.override.<topic>.collection",
    "key.projection": KEYS,
    "delete.writemodel.strategy": "a tombstone deletes by _id, as DeleteOneDefaultStrategy does",
    "timeseries.timefield.auto.convert.": "milliseconds and ISO 8601 are converted, in no other format or language",
    "connection.ssl": "say it in connection.uri, e.g. tls=true&tlsCAFile=/path",
    "server.api": "it is of MongoDB's Java driver; connection.uri says all that is said here",
    "mongo.custom.auth": "it is code for MongoDB's Java driver; connection.uri says who connects",
    "csfle": "nothing is encrypted on its way here",
    "provider": "it is for those who build upon MongoDB's connector",
    "producer.override": "the sink's own clients are set in mongo_sink/worker.py",
    "consumer.override": "the sink's own clients are set in mongo_sink/worker.py",
    "admin.override": "the sink's own clients are set in mongo_sink/worker.py",
}
CLASSES = {
    "UuidProvidedInKeyStrategy": "the keys of this log are no UUIDs",
    "AllowListKeyProjector": KEYS,
    "BlockListKeyProjector": KEYS,
    "WhitelistKeyProjector": KEYS,
    "BlacklistKeyProjector": KEYS,
    "DeleteOneTombstoneBusinessKeyStrategy": "a tombstone deletes by _id, as DeleteOneDefaultStrategy does",
}


def without_unsupported(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without those that say only that something unsupported is not wanted.

    Raises:
        ValueError: one wants something that is not supported; the message says why it is not.
    """
    kept = {}
    for name, value in properties.items():
        reason = next((REASONS[each] for each in REASONS if _begins(name, each)), None)
        if reason is None:
            kept[name] = value
        elif str(value).rpartition(".")[2].lower() not in map(str.lower, DEFAULTS.get(name, ())):
            raise ValueError(f"{name} is not supported: {reason}")
    return kept


def known(key: str, name: str, known: Mapping[str, Any]) -> None:
    """Whether a class is known under a property.

    Raises:
        ValueError: it is not supported, or not known at all.
    """
    if name in CLASSES:
        raise ValueError(f"{key} {name!r} is not supported: {CLASSES[name]}")
    if name not in known:
        raise ValueError(f"{key} {name!r} is none of {', '.join(known)}")


def _begins(name: str, beginning: str) -> bool:
    return name == beginning or name.startswith(beginning if beginning.endswith(".") else f"{beginning}.")
