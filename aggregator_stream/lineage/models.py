"""The links from a global model to the updates that its window looked at."""

from collections.abc import Sequence

from aggregator_stream.lineage import checks, promotions, updates
from aggregator_stream.lineage.evidence import SHARING, Evidence, sharing, update_place
from aggregator_stream.lineage.links import Link
from aggregator_stream.lineage.wording import outcomes, reasons, span
from forecaster.config import Config
from schemas.events import Contribution, GlobalModel, LocalUpdate


def model(config: Config, evidence: Evidence, number: int) -> Link:
    """A version with every update in its weights; the others by what became of them."""
    record, label = evidence.models[number], f"version {number}"
    event = record.event
    if not isinstance(event, GlobalModel):
        return Link(label, str(record.place), wrong=tuple(checks.there(record, GlobalModel, "")))
    wrong = checks.there(record, GlobalModel, event.model) + checks.same("version", number, event.version)
    wrong += checks.model(config, event) + checks.parent(evidence.versions, number)
    turned = promotions.turns(evidence.versions, number)
    children = [*turned, *(_member(config, evidence, event, contribution) for contribution in sharing(event))]
    rest = [c for c in event.contributions if c.outcome not in SHARING]
    for kind in sorted({c.outcome for c in rest}, reverse=True):
        children += [_others(evidence, kind, [c for c in rest if c.outcome == kind])]
    standing = promotions.became(evidence.versions, number, _made_as(event), turned)
    return Link(label, str(record.place), _detail(event, standing), tuple(wrong), tuple(children))


def _made_as(event: GlobalModel) -> str:
    return f"{event.promotion}: {event.reason}" if event.reason else event.promotion


def _detail(event: GlobalModel, standing: str) -> str:
    parameters = ", ".join(f"{name} {value:g}" for name, value in event.strategy_parameters.items())
    strategy = f"{event.strategy} ({parameters})" if parameters else event.strategy
    window = f"window {span(event.window_start, event.window_end)}"
    return f"{window}, {strategy}, {outcomes(event)}, {standing}, parent {event.parent_version}"


def _member(config: Config, evidence: Evidence, event: GlobalModel, said: Contribution) -> Link:
    """An update that is in the weights."""
    record = evidence.updates[update_place(said)]
    detail = f"{said.outcome}, {said.coefficient:.2%}"
    detail += f", {said.reason}" if said.reason else ""
    detail += ", late: the window of its event time had closed" if said.event_time <= event.window_start else ""
    link = updates.update(config, evidence, said.update_id, record, said.device_id, detail)
    if not isinstance(record.event, LocalUpdate):
        return link
    wrong = checks.contribution(event, said, record.event)
    wrong += checks.readable(config, record.event.architecture, record.event.weights)
    return link._replace(wrong=(*link.wrong, *wrong))


def _others(evidence: Evidence, outcome: str, contributions: Sequence[Contribution]) -> Link:
    """Updates of that outcome, none of which is in the weights; below it, those that are not where they should be."""
    lost = []
    for said in contributions:
        record = evidence.updates[update_place(said)]
        wrong = checks.there(record, LocalUpdate, said.device_id)
        if isinstance(record.event, LocalUpdate):
            wrong += checks.same("update_id", said.update_id, record.event.update_id)
        if wrong:
            lost.append(Link(said.update_id, str(record.place), "", tuple(wrong)))
    return Link(f"{len(contributions)} {outcome}", detail=reasons(contributions), children=tuple(lost))
