"""The properties that any connector has: what it reads, how much at once, and what becomes of errors."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mongo_sink.properties import ClassName, Lower, Names, Table
from mongo_sink.transforms import hoisted
from mongo_sink.unsupported import without_unsupported
from schemas.events import DeadLetter
from schemas.topics import TOPICS

A_POLL = 2000
"""Records that ``max.batch.size: 0`` (as many as are polled) comes to."""
CONVERTERS = {"key.converter": "StringConverter", "value.converter": "AvroConverter", "header.converter": ""}
"""What the log needs: keys are plain text, values Avro in the Confluent wire format, headers are not looked at."""
WITHOUT_EFFECT = {
    "max.num.retries": "a server that is away is waited for",
    "retries.defer.timeout": "a server that is away is waited for",
    "errors.retry.timeout": "a server that is away is waited for",
    "errors.retry.delay.max.ms": "a server that is away is waited for",
    "errors.deadletterqueue.topic.replication.factor": "the topics are there before the sink runs",
    "config.action.reload": "no property is kept anywhere else",
    "tasks.max.enforce": "there are tasks.max tasks",
}
"""Properties of both connectors' files that are read and change nothing here, each with why."""


class ConnectorConfig(Table):
    """What the worker needs of any connector."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    connector_class: ClassName = Field(alias="connector.class")
    topics: Names = Field(min_length=1)
    tasks: int = Field(1, gt=0, le=64, alias="tasks.max")
    max_batch_size: Annotated[int, Field(ge=0, le=1_000_000)] = Field(A_POLL, alias="max.batch.size")
    tolerance: Annotated[Literal["none", "all"], Lower] = Field("none", alias="errors.tolerance")
    mongo_tolerance: Annotated[Literal["", "none", "data", "all"], Lower] = Field("", alias="mongo.errors.tolerance")
    log_errors: bool = Field(False, alias="errors.log.enable")
    log_messages: bool = Field(False, alias="errors.log.include.messages")
    mongo_log_errors: bool | None = Field(None, alias="mongo.errors.log.enable")
    dead_letter_topic: str = Field("", alias="errors.deadletterqueue.topic.name")
    context_headers: bool = Field(False, alias="errors.deadletterqueue.context.headers.enable")

    @property
    def group(self) -> str:
        """The consumer group, whose committed offsets say how far the view is."""
        return f"sink-{self.name}"

    def kept(self) -> list[str]:
        """What a replay deletes and nobody else may write to, in words that are equal where it is."""
        return []

    def deletes(self, topic: str) -> bool:
        """Whether a record without a value says that something is gone: ``delete.on.null.values``."""
        return False

    def tolerates(self, *, undecodable: bool) -> bool:
        """Whether a record may be passed over.

        ``mongo.errors.tolerance`` is of what the connector does with an event, ``errors.tolerance`` of all else. Its
        ``data`` is no less than ``all`` here: what says nothing about a record is waited for.
        """
        return (self.tolerance if undecodable else self.mongo_tolerance or self.tolerance) != "none"

    @property
    def logs_details(self) -> bool:
        """Whether the log is to tell more of a record that is passed over than where it lies, and why."""
        return self.log_errors if self.mongo_log_errors is None else self.mongo_log_errors

    @model_validator(mode="before")
    @classmethod
    def _read(cls, properties: dict[str, Any]) -> dict[str, Any]:
        return common(properties)

    @model_validator(mode="after")
    def _topics_exist(self) -> Self:
        for topic in self.topics:
            if topic not in TOPICS:
                raise ValueError(f"topics names {topic!r}, which has no schema here ({', '.join(TOPICS)})")
        if self.dead_letter_topic in self.topics:
            raise ValueError(f"errors.deadletterqueue.topic.name is {self.dead_letter_topic!r}, one of its own topics")
        if self.dead_letter_topic in TOPICS and TOPICS[self.dead_letter_topic].event is not DeadLetter:
            raise ValueError(
                f"errors.deadletterqueue.topic.name is {self.dead_letter_topic!r}, whose readers take no dead letters: "
                "name 'dead_letters', or a topic of your own"
            )
        return self


def common(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with ``topics`` named one by one, less what changes nothing.

    Raises:
        ValueError: a converter cannot read this log, or something is not supported.
    """
    rest = without_unsupported(hoisted(properties))
    for key, needed in CONVERTERS.items():
        name = str(rest.pop(key, needed)).rpartition(".")[2]
        if needed and name != needed:
            raise ValueError(f"{key} {name!r} cannot read this log, whose {key.partition('.')[0]}s need {needed}")
        rest = {each: value for each, value in rest.items() if not each.startswith(f"{key}.")}
    rest = {key: value for key, value in rest.items() if key not in WITHOUT_EFFECT}
    if rest.get("max.batch.size") in (0, "0"):
        rest["max.batch.size"] = A_POLL
    pattern = rest.pop("topics.regex", "")
    if pattern and rest.get("topics"):
        raise ValueError("topics and topics.regex exclude each other, and both are set")
    return rest | {"topics": matching(str(pattern))} if pattern else rest


def matching(pattern: str) -> list[str]:
    """The project's topics whose whole names match ``topics.regex``.

    Raises:
        ValueError: none does, or it is no regular expression.
    """
    try:
        found = [topic for topic in TOPICS if re.fullmatch(pattern, topic)]
    except re.error as error:
        raise ValueError(f"topics.regex {pattern!r} is no regular expression: {error}") from error
    if not found:
        raise ValueError(f"topics.regex {pattern!r} matches none of {', '.join(TOPICS)}")
    return found


def without_effect(properties: Mapping[str, Any]) -> list[str]:
    """A sentence for each property that is read and changes nothing."""
    return [f"{key} has no effect: {why}" for key, why in WITHOUT_EFFECT.items() if key in properties]
