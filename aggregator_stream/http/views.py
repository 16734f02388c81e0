"""Versions as the API shows them."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from aggregator_stream.catalogue import Version
from schemas.events import Contribution, FleetEvaluation, GlobalModel, HorizonError, PairedError
from schemas.wire import iso


class Window(BaseModel):
    """A stretch of event time; it includes its end."""

    start: str = Field(description="ISO 8601, UTC")
    end: str
    start_ms: int = Field(description="Since 1970, UTC")
    end_ms: int


class ErrorView(BaseModel):
    """How well the contributors forecast one sensor, in its unit (°C, %RH, lux, V), beside "it stays as it is"."""

    sensor: str
    horizon_ms: int
    count: int = Field(description="Labels that came due.")
    mae: float | None = Field(description="Mean absolute error.")
    persistence_mae: float | None


class PairedErrorView(ErrorView):
    """How well a version's own forecasts of one sensor did, beside the champion's and "it stays as it is"."""

    champion_mae: float | None = Field(description="The champion's, of the same labels.")


class EvaluationView(BaseModel):
    """How a version did beside the champion on the labels of the window."""

    version: int
    champion: int = Field(description="The version that it was held against.")
    devices: int = Field(description="That judged.")
    examples: int = Field(description="Labels, of all sensors and horizons.")
    ratio: float | None = Field(description="Of its error to the champion's: the median over the devices' own.")


class WholeEvaluationView(EvaluationView):
    """The same with its errors."""

    errors: list[PairedErrorView] = Field(description="Means over all devices' labels.")


class Place(BaseModel):
    """Where a version lies on the log."""

    topic: str = "global_models"
    partition: int
    offset: int


class Links(BaseModel):
    """Paths of this API."""

    self: str
    weights: str
    parent: str | None = Field(description="null for the first: version 0 is no event.")
    champion: str | None = Field(description="The version to stand on.")


class DecisionView(BaseModel):
    """What a version changes in the standing of versions."""

    version: int
    state: str = Field(description="promoted, rejected, rolled_back, pinned, or released: no longer pinned")
    by: str = Field(description="policy, or the operator's command")
    reason: str


class ModelView(BaseModel):
    """One version of the global model."""

    version: int
    parent_version: int
    model: str
    window: Window
    strategy: str
    strategy_parameters: dict[str, float | None]
    rules: dict[str, float | None]
    contributors: int = Field(description="Updates with a share in the weights.")
    example_count: int
    errors: list[ErrorView]
    promotion: str
    reason: str | None = Field(description="Why the weights are the parent's; null where they are not.")
    champion: int = Field(description="The version that everybody stands on from here on.")
    pinned: bool = Field(description="Whether an operator has said so, and later versions do not change it.")
    fallback: int | None = Field(description="The version gone back to where the champion does worse; null: none.")
    candidates: list[int] = Field(description="Newer versions that may yet be promoted, ascending.")
    decisions: list[DecisionView]
    evaluations: Sequence[EvaluationView] = Field(description="What the window's updates said of versions.")
    notes: dict[str, float | None]
    architecture: str
    dataset: str
    place: Place
    links: Links


class ContributionView(BaseModel):
    """One update in the window's decision."""

    update_id: str
    device_id: str
    partition: int = Field(description="Of local_updates.")
    offset: int
    event_time: str
    event_time_ms: int
    base_version: int
    staleness: int
    example_count: int
    coefficient: float | None = Field(description="Its share in the weights.")
    outcome: str
    reason: str | None


class WholeModelView(ModelView):
    """One version with every update that its window looked at, and all that they said of versions."""

    evaluations: Sequence[WholeEvaluationView]
    contributions: list[ContributionView]


class PageView(BaseModel):
    """Some versions, newest first."""

    versions: list[ModelView]
    next: str | None = Field(description="Where older ones are; null where there are none.")


class AcceptedView(BaseModel):
    """An update is on the log; whether it counts is decided when its window closes."""

    update_id: str
    partition: int
    offset: int


class HealthView(BaseModel):
    """The aggregator is at work."""

    version: int
    pending: int = Field(description="Updates that no window has decided.")
    window_lag_s: float | None = Field(description="Event time from the newest window's end to the newest update.")


def model_view(version: Version) -> ModelView:
    """What is shown of a version without reading the log."""
    evaluations = [EvaluationView(**_evaluation(said)) for said in version.event.evaluations]
    return ModelView(**_shown(version), evaluations=evaluations)


def whole_model_view(version: Version, event: GlobalModel) -> WholeModelView:
    """The same with what its event alone holds: contributions, and the errors of evaluations."""
    return WholeModelView(
        **_shown(version),
        evaluations=[
            WholeEvaluationView(**_evaluation(said), errors=[_paired(error) for error in said.errors])
            for said in event.evaluations
        ],
        contributions=[_contribution(c) for c in event.contributions],
    )


def path_of(number: int) -> str:
    """The path of a version."""
    return f"/global_models/{number}"


def _shown(version: Version) -> dict[str, object]:
    event = version.event
    return {
        "version": event.version,
        "parent_version": event.parent_version,
        "model": event.model,
        "window": Window(
            start=iso(event.window_start),
            end=iso(event.window_end),
            start_ms=event.window_start,
            end_ms=event.window_end,
        ),
        "strategy": event.strategy,
        "strategy_parameters": event.strategy_parameters,
        "rules": event.rules,
        "contributors": version.contributors,
        "example_count": event.example_count,
        "errors": [_error(error) for error in version.errors],
        "promotion": event.promotion,
        "reason": event.reason,
        "champion": event.stands_on,
        "pinned": event.pinned,
        "fallback": event.fallback if event.fallback >= 0 else None,
        "candidates": event.candidates,
        "decisions": [DecisionView.model_validate(decision._asdict()) for decision in event.decisions],
        "notes": event.notes,
        "architecture": event.architecture,
        "dataset": event.dataset,
        "place": Place(partition=version.partition, offset=version.offset),
        "links": Links(
            self=path_of(event.version),
            weights=f"{path_of(event.version)}/weights",
            parent=path_of(event.parent_version) if event.parent_version > 0 else None,
            champion=path_of(event.stands_on) if event.stands_on > 0 else None,
        ),
    }


def _error(error: HorizonError) -> ErrorView:
    return ErrorView.model_validate(error._asdict())


def _evaluation(said: FleetEvaluation) -> dict[str, object]:
    return {name: value for name, value in said._asdict().items() if name != "errors"}


def _paired(error: PairedError) -> PairedErrorView:
    return PairedErrorView.model_validate(error._asdict())


def _contribution(contribution: Contribution) -> ContributionView:
    return ContributionView(
        **contribution._asdict() | {"event_time": iso(contribution.event_time)},
        event_time_ms=contribution.event_time,
    )
