"""The ways of writing documents that our sink shares with MongoDB's own connector, as properties that both take."""

from typing import Any, NamedTuple

TOPICS = ("iot_stream", "predictions", "local_updates", "global_models")
_SINK = "com.mongodb.kafka.connect.sink"
_PARTIAL = "document.id.strategy.partial.value.projection"

Properties = dict[str, str]

HOIST = {
    "transforms": "key",
    "transforms.key.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.key.field": "key",
}


class Case(NamedTuple):
    """One configuration, and what of the documents is not the same in two runs of it.

    Attributes:
        hoisted: keys are looked at, by the strategy or by a processor. They are plain text, of which the official
            connector makes nothing: a transform of Connect's makes it ``{"key": text}``, under another name if the
            properties say so.
        stamped: two fields are of the moment of writing.
        own_ids: each server makes the ``_id``.
        seeded: documents lie there before.
    """

    properties: Properties
    hoisted: bool = False
    stamped: bool = False
    own_ids: bool = False
    seeded: bool = False


def _id(name: str, **partial: str) -> Properties:
    told = {"document.id.strategy": f"{_SINK}.processor.id.strategy.{name}"}
    if partial:
        told[f"{_PARTIAL}.type"] = "AllowList"
    return told | {f"topic.override.{topic}.{_PARTIAL}.list": fields for topic, fields in partial.items()}


def _write(name: str) -> Properties:
    return {"writemodel.strategy": f"{_SINK}.writemodel.strategy.{name}"}


def _chain(*names: str, **told: str) -> Properties:
    properties = {name.replace("_", "."): value for name, value in told.items()}
    return {"post.processor.chain": ",".join(f"{_SINK}.processor.{name}" for name in names)} | properties


PLACE = _id("KafkaMetaDataStrategy")
PARTIAL = _id(
    "PartialValueStrategy",
    iot_stream="device_id",
    predictions="prediction_id",
    local_updates="sequence,device_id",
    global_models="version",
)
KEY = _id("FullKeyStrategy")
PROVIDED = _id("ProvidedInValueStrategy") | _chain("field.renaming.RenameByMapping", "DocumentIdAdder")
for _topic, _field in zip(TOPICS, ("device_id", "prediction_id", "update_id", "version"), strict=True):
    PROVIDED[f"topic.override.{_topic}.field.renamer.mapping"] = f'[{{"oldName":"value.{_field}","newName":"_id"}}]'
PARTIAL_KEY = _id("PartialKeyStrategy") | {
    "document.id.strategy.partial.key.projection.type": "AllowList",
    "document.id.strategy.partial.key.projection.list": "key",
}
PROVIDED_IN_KEY = _id("ProvidedInKeyStrategy") | {"transforms.key.field": "_id"}
# The few data sets here whose names are UUIDs; all other records are refused, on both sides.
PROVIDED_UUID = (
    _id("UuidProvidedInValueStrategy")
    | _chain("field.renaming.RenameByMapping", "DocumentIdAdder")
    | {
        "field.renamer.mapping": '[{"oldName":"value.dataset","newName":"_id"}]',
        "document.id.strategy.overwrite.existing": "true",
    }
)
INSERT, REPLACE, UPDATE, DELETE = (
    _write(f"{verb}OneDefaultStrategy") for verb in ("Insert", "Replace", "Update", "Delete")
)
# Ordered, which is the default, the official connector gives up the rest of a batch behind a duplicate.
INSERT_ONCE = INSERT | {"bulk.write.ordered": "false"}

MAPPING = """[
  {"oldName": "value.device_id", "newName": "device"}, {"oldName": "value.forecast.temperature", "newName": "t"},
  {"oldName": "value.errors.sensor", "newName": "s"}, {"oldName": "value.light", "newName": "voltage"},
  {"oldName": "value.nothing", "newName": "something"}]"""
RULES = r"""[{"regexp": "^value\\.[a-z]+_at$", "pattern": "_at", "replace": "At"},
  {"regexp": "^value\\.forecast\\..*$", "pattern": "[aeiou]", "replace": "-"}]"""
LEFT_OUT = "weights,forecast.temperature,errors.sensor,contributions.reason,strategy_parameters.decay,dataset"
LET_IN = "_id,position,device_id,event_time,forecast.light,errors.*,contributions.reason,strategy_parameters,weights"

CASES = {
    "place": Case(PLACE | INSERT),
    "place-replaced": Case(PLACE | REPLACE),
    "partial-inserted": Case(PARTIAL | INSERT_ONCE),
    "partial-replaced": Case(PARTIAL | REPLACE),
    "partial-default": Case(PARTIAL),
    "partial-updated": Case(PARTIAL | _write("UpdateOneTimestampsStrategy"), stamped=True),
    "business-replaced": Case(PARTIAL | _write("ReplaceOneBusinessKeyStrategy"), own_ids=True),
    "business-updated": Case(PARTIAL | _write("UpdateOneBusinessKeyTimestampStrategy"), stamped=True, own_ids=True),
    "business-deleted": Case(PARTIAL | _write("DeleteOneBusinessKeyStrategy"), seeded=True),
    "provided-inserted": Case(PROVIDED | INSERT_ONCE, hoisted=True),
    "provided-replaced": Case(PROVIDED | REPLACE, hoisted=True),
    "provided-in-key": Case(PROVIDED_IN_KEY | INSERT_ONCE, hoisted=True),
    "provided-uuid": Case(PROVIDED_UUID | REPLACE, hoisted=True),
    "key-replaced": Case(KEY | REPLACE, hoisted=True),
    "key-updated": Case(KEY | UPDATE, hoisted=True, seeded=True),
    "partial-key": Case(PARTIAL_KEY | REPLACE, hoisted=True),
    "key-deleted": Case(KEY | DELETE, hoisted=True, seeded=True),
    "key-deleted-on-null": Case(KEY | REPLACE | {"delete.on.null.values": "true"}, hoisted=True, seeded=True),
    "left-out": Case(
        PLACE
        | INSERT
        | _chain("BlockListValueProjector", value_projection_type="BlockList", value_projection_list=LEFT_OUT)
    ),
    "let-in": Case(
        PLACE
        | INSERT
        | _chain("AllowListValueProjector", value_projection_type="AllowList", value_projection_list=LET_IN)
    ),
    "renamed": Case(
        PLACE | INSERT | _chain("field.renaming.RenameByMapping", field_renamer_mapping=MAPPING), hoisted=True
    ),
    "renamed-by-rule": Case(
        PLACE | INSERT | _chain("field.renaming.RenameByRegExp", field_renamer_regexp=RULES), hoisted=True
    ),
    "no-nulls-and-origin": Case(PLACE | INSERT | _chain("NullFieldValueRemover", "KafkaMetaAdder")),
}
# There is nothing to delete in these, and nothing else is done.
EMPTIED = {
    (name, topic) for name in ("key-deleted", "business-deleted") for topic in TOPICS if topic != "local_updates"
}


def properties(name: str, uri: str, database: str) -> dict[str, Any]:
    """The file of a case; each writes to collections of its own, so that all can share a database."""
    collections = {f"topic.override.{topic}.collection": f"{name}.{topic}" for topic in TOPICS}
    return {
        "name": name,
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": ",".join(TOPICS),
        "connection.uri": uri,
        "database": database,
        "errors.tolerance": "all",
        **collections,
        **(HOIST if CASES[name].hoisted else {}),
        **CASES[name].properties,
    }
