"""An update posted over HTTP: what it must be before it becomes an event."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import from_json

from aggregator_stream.fold.membership import LARGEST_WEIGHT
from aggregator_stream.http.problems import LONGEST, SHOWN, Fault, ProblemError, faults, invalid
from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.trials import LARGEST
from forecaster.weights import WeightsError
from schemas.codec import EARLIEST, LATEST
from schemas.events import Evaluation, HorizonError, LocalUpdate, PairedError

INT, LONG = 2**31 - 1, 2**63 - 1
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
    mae: float = Field(ge=0, le=LARGEST, description="Mean absolute error.")
    persistence_mae: float = Field(ge=0, le=LARGEST)


class PostedPairedError(PostedError):
    """How well a global model's own forecasts of one sensor did, beside the champion's and "it stays as it is"."""

    champion_mae: float = Field(ge=0, le=LARGEST, description="The champion's, of the same labels.")


class PostedEvaluation(BaseModel):
    """How a version of the global model did beside the champion on the device's labels."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    version: int = Field(ge=0, le=LONG, description="The model judged: the newest candidate, or the fallback.")
    champion: int = Field(ge=0, le=LONG, description="The one it is held against.")
    errors: list[PostedPairedError] = Field(max_length=100)

    @model_validator(mode="after")
    def of_two_versions(self) -> Self:
        """A version beside itself says nothing."""
        if self.version == self.champion:
            raise ValueError("version is the champion itself")
        _named_once(self.errors)
        return self

    def event(self) -> Evaluation:
        """The part of the event."""
        errors = tuple(PairedError(**error.model_dump()) for error in self.errors)
        return Evaluation(self.version, self.champion, errors)


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
    evaluations: list[PostedEvaluation] = Field(
        [], max_length=8, description="Of other global models; at most since the previous update."
    )

    @model_validator(mode="after")
    def named_by_device_and_sequence(self) -> Self:
        """The id is not the device's to choose: the same update has the same id whoever sends it."""
        if self.update_id != f"{self.device_id}/{self.sequence}":
            raise ValueError("update_id is not device_id/sequence")
        if self.last_offset < self.first_offset:
            raise ValueError("last_offset lies before first_offset")
        _named_once(self.errors)
        if len({(said.version, said.champion) for said in self.evaluations}) < len(self.evaluations):
            raise ValueError("evaluations name a version and champion twice")
        return self

    def event(self) -> LocalUpdate:
        """The event, field by field."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        errors = tuple(HorizonError(**error.model_dump()) for error in self.errors)
        evaluations = tuple(said.event() for said in self.evaluations)
        return LocalUpdate(**fields | {"errors": errors, "evaluations": evaluations})


_ROWS: dict[type[BaseModel], dict[str, type[BaseModel]]] = {
    PostedUpdate: {"errors": PostedError, "evaluations": PostedEvaluation},
    PostedEvaluation: {"errors": PostedPairedError},
}
"""Fields that are lists, with what their rows must be."""


def _named_once(errors: Sequence[PostedError]) -> None:
    if len({(error.sensor, error.horizon_ms) for error in errors}) < len(errors):
        raise ValueError("errors name a sensor and horizon twice")


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


def _unknown(value: Any, model: type[BaseModel] = PostedUpdate, where: str = "body") -> Iterator[Fault]:
    """Fields there are none of, one by one: pydantic would spend seconds of everybody's time on 100,000 of them."""
    if not isinstance(value, dict):
        return
    for name in value:
        if name not in model.model_fields:
            yield Fault(where=f"{where}/{name}"[:LONGEST], detail="There is no such field")
    for name, row_model in _ROWS.get(model, {}).items():
        rows = value.get(name)
        for n, row in enumerate(rows if isinstance(rows, list) else []):
            yield from _unknown(row, row_model, f"{where}/{name}/{n}")


def check(config: Config, newest: int, update: LocalUpdate) -> None:
    """Hold an update against the network that is trained and the versions there are.

    Raises:
        ProblemError: an update that a window could only reject, or use without some of what it says.
    """
    wrong: list[Fault] = []
    if update.architecture != architecture(config):
        wrong.append(Fault(where="body/architecture", detail=f"Not {architecture(config)}"))
    versions = {"base_version": update.base_version}
    errors: dict[str, Sequence[HorizonError | PairedError]] = {"errors": update.errors}
    for n, said in enumerate(update.evaluations):
        place = f"evaluations/{n}"
        versions |= {f"{place}/version": said.version, f"{place}/champion": said.champion}
        errors[f"{place}/errors"] = said.errors
    wrong += [
        Fault(where=f"body/{place}", detail=f"Unknown: the newest is {newest}")
        for place, version in versions.items()
        if version > newest
    ]
    horizons = config.horizons_ms
    wrong += [
        Fault(where=f"body/{place}/{n}/horizon_ms", detail=f"None of {list(horizons)}")
        for place, rows in errors.items()
        for n, error in enumerate(rows)
        if error.horizon_ms not in horizons
    ]
    try:
        numbers = weights.flat_from_bytes(config, update.weights)
        if np.abs(numbers).max() > LARGEST_WEIGHT:
            wrong.append(Fault(where="body/weights", detail=f"Some are more than {LARGEST_WEIGHT:.0f}"))
    except WeightsError as error:
        wrong.append(Fault(where="body/weights", detail=str(error)[:LONGEST]))
    if wrong:
        raise invalid(wrong)
