"""An update posted over HTTP: what it must be before it becomes an event."""

import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import from_json

from aggregator_stream.http.problems import LONGEST, SHOWN, Fault, ProblemError, faults, invalid
from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.weights import WeightsError
from schemas.codec import EARLIEST, LATEST
from schemas.events import HorizonError, LocalUpdate

INT, LONG = 2**31 - 1, 2**63 - 1
_LARGEST_ERROR = 1e9  # of any sensor in its unit: a mean over many must stay finite
_ELSEWHERE = "-1 where the readings are not on the log."


def _decoded(text: Any) -> Any:
    """Base64 (RFC 4648, with padding) as bytes; pydantic refuses what is no text."""
    if not isinstance(text, str):
        return text
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


Base64 = Annotated[
    bytes,
    BeforeValidator(_decoded),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "contentMediaType": "application/vnd.safetensors"}),
]
Moment = Annotated[int, Field(ge=EARLIEST, lt=LATEST)]
Offset = Annotated[int, Field(ge=-1, le=LONG)]


class PostedError(BaseModel):
    """How well the device forecast one sensor, in its unit (°C, %RH, lux, V), beside "it stays as it is"."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    sensor: Literal["temperature", "humidity", "light", "voltage"]
    horizon_ms: int = Field(ge=1, le=LONG, description="One of the architecture's horizons.")
    count: int = Field(ge=1, le=INT, description="Labels that came due.")
    mae: float = Field(ge=0, le=_LARGEST_ERROR, description="Mean absolute error.")
    persistence_mae: float = Field(ge=0, le=_LARGEST_ERROR)


class PostedUpdate(BaseModel):
    """What one device had learned up to a moment; moments are ms since 1970 UTC."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    update_id: str = Field(description="device_id/sequence", examples=["greenhouse-3/1"])
    device_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", examples=["greenhouse-3"])
    sequence: int = Field(ge=1, le=LONG, description="1, 2, 3 … for each device")
    event_time: Moment = Field(description="End of the last bin learned from.")
    base_version: int = Field(ge=0, le=LONG, description="Global model last adopted; 0 is the initial network.")
    adopted_at: Moment | None = Field(None, description="End of the bin at which it was; null for version 0.")
    architecture: str = Field(max_length=200, description="As /global_model says it.")
    weights: Base64 = Field(description="safetensors, named float32 arrays, as base64")
    example_count: int = Field(ge=1, le=INT, description="Labels learned from since the previous update.")
    reading_partition: int = Field(-1, ge=-1, le=INT, description=f"Of iot_stream; {_ELSEWHERE}")
    first_offset: Offset = Field(-1, description=f"Of the first reading behind this update; {_ELSEWHERE}")
    last_offset: Offset = Field(-1, description=f"Of the last one; {_ELSEWHERE}")
    errors: list[PostedError] = Field(max_length=100, description="Since the previous update; may be empty.")
    dataset: str = Field(max_length=200, description="Where the readings are from.")
    resets: int = Field(0, ge=0, le=INT, description="How often training began anew since the previous update.")
    closed_at: Moment | None = Field(None, description="Event time of the reading that closed the last bin.")

    @model_validator(mode="after")
    def named_by_device_and_sequence(self) -> Self:
        """The id is not the device's to choose: the same update has the same id whoever sends it."""
        if self.update_id != f"{self.device_id}/{self.sequence}":
            raise ValueError("update_id is not device_id/sequence")
        if self.last_offset < self.first_offset:
            raise ValueError("last_offset lies before first_offset")
        if len({(error.sensor, error.horizon_ms) for error in self.errors}) < len(self.errors):
            raise ValueError("errors name a sensor and horizon twice")
        return self

    def event(self) -> LocalUpdate:
        """The event, field by field."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return LocalUpdate(**fields | {"errors": tuple(HorizonError(**error.model_dump()) for error in self.errors)})


def parsed(body: bytes) -> LocalUpdate:
    """The update in a request's body, as far as it can be judged by itself.

    Raises:
        ProblemError: not JSON, or not such an update.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ProblemError(400, str(error)[:LONGEST], "not-json") from error
    if unknown := list(islice(_unknown(value), SHOWN)):
        raise invalid(unknown)
    try:
        return PostedUpdate.model_validate(value).event()
    except ValidationError as error:
        raise invalid(faults(error, "body")) from error


def _unknown(value: Any) -> Iterator[Fault]:
    """Fields there are none of, one by one: pydantic would spend seconds of everybody's time on 100,000 of them."""
    if not isinstance(value, dict):
        return
    for name in value:
        if name not in PostedUpdate.model_fields:
            yield Fault(where=f"body/{name}"[:LONGEST], detail="There is no such field")
    rows = value.get("errors")
    for n, row in enumerate(rows if isinstance(rows, list) else []):
        for name in row if isinstance(row, dict) else ():
            if name not in PostedError.model_fields:
                yield Fault(where=f"body/errors/{n}/{name}"[:LONGEST], detail="There is no such field")


def check(config: Config, newest: int, update: LocalUpdate) -> None:
    """Hold an update against the network that is trained and the versions there are.

    Raises:
        ProblemError: an update that a window could only reject.
    """
    wrong: list[Fault] = []
    if update.architecture != architecture(config):
        wrong.append(Fault(where="body/architecture", detail=f"Not {architecture(config)}"))
    if update.base_version > newest:
        wrong.append(Fault(where="body/base_version", detail=f"Unknown: the newest is {newest}"))
    horizons = config.horizons_ms
    wrong += [
        Fault(where=f"body/errors/{n}/horizon_ms", detail=f"None of {list(horizons)}")
        for n, error in enumerate(update.errors)
        if error.horizon_ms not in horizons
    ]
    try:
        weights.from_bytes(config, update.weights)
    except WeightsError as error:
        wrong.append(Fault(where="body/weights", detail=str(error)[:LONGEST]))
    if wrong:
        raise invalid(wrong)
