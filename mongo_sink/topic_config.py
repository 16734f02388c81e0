"""How one topic is written to its collection: what ``topic.override.<topic>.<property>`` can say."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mongo_sink.ids import ID_STRATEGIES
from mongo_sink.post_processors import POST_PROCESSORS
from mongo_sink.projections import KINDS, Projection
from mongo_sink.properties import ClassName, ClassNames, JsonArray, Lower, Names, Table
from mongo_sink.renames import mapping_of, rules_of
from mongo_sink.transforms import KEY_FIELD
from mongo_sink.unsupported import known
from mongo_sink.write_strategies import WRITE_STRATEGIES, WriteStrategy

ProjectionType = Annotated[Literal["none", "", "allowlist", "whitelist", "blocklist", "blacklist"], Lower]
UuidFormat = Annotated[Literal["string", "binary"], Lower]
Granularity = Annotated[Literal["", "seconds", "minutes", "hours"], Lower]
PARTIAL = "document.id.strategy.partial.value.projection"
PARTIAL_KEY = "document.id.strategy.partial.key.projection"


class TopicConfig(Table):
    """The properties of a topic, after its overrides; names and defaults are those of MongoDB's connector."""

    collection: str = Field(min_length=1)
    id_strategy: ClassName = Field("BsonOidStrategy", alias="document.id.strategy")
    id_field: str | None = Field(None, alias="document.id.strategy.value.field")
    overwrite_id: bool = Field(False, alias="document.id.strategy.overwrite.existing")
    uuid_format: UuidFormat = Field("string", alias="document.id.strategy.uuid.format")
    id_projection_type: ProjectionType = Field("", alias=f"{PARTIAL}.type")
    id_projection_list: Names = Field((), alias=f"{PARTIAL}.list")
    key_projection_type: ProjectionType = Field("", alias=f"{PARTIAL_KEY}.type")
    key_projection_list: Names = Field((), alias=f"{PARTIAL_KEY}.list")
    key_field: str | None = Field(None, alias=KEY_FIELD)
    processors: ClassNames = Field(("DocumentIdAdder",), alias="post.processor.chain")
    projection_type: ProjectionType = Field("none", alias="value.projection.type")
    projection_list: Names = Field((), alias="value.projection.list")
    mapping: JsonArray = Field((), alias="field.renamer.mapping")
    rules: JsonArray = Field((), alias="field.renamer.regexp")
    write_model: ClassName = Field("DefaultWriteModelStrategy", alias="writemodel.strategy")
    write_model_field: str | None = Field(None, alias="writemodel.strategy.value.field")
    delete_on_null: bool = Field(False, alias="delete.on.null.values")
    max_batch_size: int = Field(0, ge=0, alias="max.batch.size")
    ordered: bool = Field(True, alias="bulk.write.ordered")
    rate_timeout_ms: int = Field(0, ge=0, alias="rate.limiting.timeout")
    rate_every: int = Field(0, ge=0, alias="rate.limiting.every.n")
    time_field: str = Field("", alias="timeseries.timefield")
    meta_field: str = Field("", alias="timeseries.metafield")
    expire_after_s: int = Field(0, ge=0, alias="timeseries.expire.after.seconds")
    granularity: Granularity = Field("", alias="timeseries.granularity")
    convert_time: bool = Field(False, alias="timeseries.timefield.auto.convert")
    indexes: JsonArray | None = Field(None, alias="collection.indexes")
    validator: bool | None = Field(None, alias="collection.validator")

    @property
    def strategy(self) -> WriteStrategy:
        """How a batch becomes writes."""
        return WRITE_STRATEGIES[self.strategy_name]

    @property
    def strategy_name(self) -> str:
        """``writemodel.strategy``, and what the default is: replace, but insert into a time series."""
        if self.write_model != "DefaultWriteModelStrategy":
            return self.write_model
        return "InsertOneDefaultStrategy" if self.time_field else "ReplaceOneDefaultStrategy"

    @property
    def projection(self) -> Projection | None:
        """Which fields of a document stay."""
        return _projection(self.projection_type, self.projection_list)

    @property
    def id_projection(self) -> Projection | None:
        """Which fields make an ``_id``: as in the original those of the value's projection, if nothing else is said."""
        return _projection(self.id_projection_type, self.id_projection_list) or self.projection

    @property
    def key_projection(self) -> Projection | None:
        """Which fields of a key make an ``_id``."""
        return _projection(self.key_projection_type, self.key_projection_list)

    @model_validator(mode="after")
    def _strategies(self) -> Self:
        known("document.id.strategy", self.id_strategy, ID_STRATEGIES)
        known("writemodel.strategy", self.strategy_name, WRITE_STRATEGIES)
        for name in self.processors:
            known("post.processor.chain", name, POST_PROCESSORS)
        id_strategy = ID_STRATEGIES[self.id_strategy]
        _field("document.id.strategy", self.id_strategy, id_strategy.needs_field, self.id_field)
        _field("writemodel.strategy", self.strategy_name, self.strategy.needs_field, self.write_model_field)
        if id_strategy.needs_projection and self.id_projection is None:
            raise ValueError(f"document.id.strategy {self.id_strategy!r} needs {PARTIAL}.type AllowList or BlockList")
        if id_strategy.needs_key_projection and (self.key_projection is None or self.key_field is None):
            raise ValueError(f"document.id.strategy {self.id_strategy!r} needs {PARTIAL_KEY}.type and HoistField$Key")
        if self.id_strategy == "ProvidedInKeyStrategy" and self.key_field != "_id":
            raise ValueError(f"document.id.strategy {self.id_strategy!r} needs HoistField$Key with field _id")
        if self.delete_on_null and not id_strategy.of_key:
            raise ValueError("delete.on.null.values needs a document.id.strategy of the key: a tombstone has only that")
        if self.delete_on_null and self.strategy.business_key:
            raise ValueError("delete.on.null.values deletes by _id, which is the server's under a business key")
        mapping_of(self.mapping), rules_of(self.rules)
        return self

    @model_validator(mode="after")
    def _time_series(self) -> Self:
        told = self.meta_field or self.expire_after_s or self.granularity or self.convert_time
        if told and not self.time_field:
            raise ValueError("timeseries.… says something of a time series, and timeseries.timefield is missing")
        if self.time_field and self.strategy_name != "InsertOneDefaultStrategy":
            raise ValueError(f"writemodel.strategy {self.strategy_name!r} is not for time series: they take inserts")
        if self.time_field and self.validator:
            raise ValueError("collection.validator is not for a time series: MongoDB has none there")
        return self


def _projection(kind: str, paths: tuple[str, ...]) -> Projection | None:
    return Projection(KINDS[kind], paths) if kind in KINDS else None


def _field(key: str, name: str, needed: bool, field: str | None) -> None:
    if needed != (field is not None):
        raise ValueError(f"{key} {name!r} {'needs' if needed else 'takes no'} {key}.value.field")
