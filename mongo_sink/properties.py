"""What all tables of properties have in common: how values are read, and how what is wrong is said."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mongo_sink.task import Properties


class ConfigError(ValueError):
    """The properties of a connector are wrong; the message is one sentence that says where."""


class Table(BaseModel):
    """Validated properties, by the names that they have in a connector's file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, properties: Properties | Mapping[str, Any]) -> Self:
        """The validated properties.

        Raises:
            ConfigError: naming the connector, the property and what is wrong with it.
        """
        try:
            return cls.model_validate(dict(properties))
        except ValidationError as error:
            connector = properties.get("name", "a connector without a name")
            raise ConfigError(f"{connector}: {_sentence(error)}") from error


def listed(value: Any) -> Any:
    """The items of a comma separated text; of an empty text there are none."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _simple(name: Any) -> str:
    return str(name).rpartition(".")[2]


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "[]")
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error


Lower = BeforeValidator(lambda value: str(value).lower())
ClassName = Annotated[str, BeforeValidator(_simple)]
"""A class by its name alone: MongoDB's packages are understood, and not needed."""
ClassNames = Annotated[tuple[ClassName, ...], BeforeValidator(listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
JsonArray = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_parsed)]
"""A JSON array of objects, in a text as MongoDB's connector has it or as it is."""


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong; the rest shows when that is right."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{where} is not a property that it knows"
    if first["type"] == "missing":
        return f"{where} is missing"
    # What is wrong between properties names them itself, and lies at the connector or a topic: no name with a dot.
    between = first["type"] == "value_error" and "." not in str(first["loc"][-1:])
    return what if between else f"{where} is {first['input']!r}: {what}"
