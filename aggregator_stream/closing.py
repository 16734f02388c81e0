"""What a closing window decides: who contributes with which share, and the model that follows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from aggregator_stream.state import Located, Rules, Windows
from forecaster import weights
from forecaster.knowledge import architecture
from forecaster.strategies import Member
from forecaster.weights import WeightsError
from schemas.events import Contribution, GlobalModel, HorizonError, LocalUpdate

ACCEPTED, SUPERSEDED, REJECTED = "accepted", "superseded", "rejected"


def close(rules: Rules, state: Windows, members: Sequence[Located]) -> tuple[Windows, GlobalModel]:
    """Close the state's window over ``members``, some of the pending updates.

    They are taken in the log's order, so that what is decided does not depend on how partitions were read in turn.
    """
    assert state.window is not None
    members = sorted(members, key=lambda item: (item.partition, item.offset))
    reasons = {item.update.update_id: refusal(rules, state, item.update) for item in members}
    valid = [item.update for item in members if reasons[item.update.update_id] is None]
    accepted = list(_newest(rules, valid))
    server, aggregate = rules.strategy.update(state.server, state.knowledge, accepted)
    left = tuple(item for item in state.pending if item.update.update_id not in reasons)
    model = GlobalModel(
        model=rules.model,
        version=state.version + 1,
        parent_version=state.version,
        window_start=state.window * rules.window_ms,
        window_end=(state.window + 1) * rules.window_ms,
        strategy=rules.strategy.name,
        strategy_parameters=rules.strategy.parameters,
        architecture=architecture(rules.config),
        weights=weights.to_bytes(aggregate.knowledge),
        contributions=tuple(
            _contribution(state, item, aggregate.coefficients, reasons[item.update.update_id]) for item in members
        ),
        example_count=sum(update.example_count for update in valid),
        errors=pooled(update.errors for update in valid),
        promotion="promoted" if accepted else "unchanged",
        resume_offsets=_resume_offsets(state, left),
        dataset=members[-1].update.dataset if members else "",
    )
    after = state._replace(
        version=model.version, knowledge=aggregate.knowledge, server=server, window=state.window + 1, pending=left
    )
    return after, model


def refusal(rules: Rules, state: Windows, update: LocalUpdate) -> str | None:
    """Why an update cannot be averaged; ``None`` where it can."""
    if update.architecture != architecture(rules.config):
        return f"architecture {update.architecture} is not {architecture(rules.config)}"
    if update.base_version > state.version:
        return f"base version {update.base_version} is unknown: the newest is {state.version}"
    if update.example_count <= 0:
        return "learned from nothing"
    try:
        weights.from_bytes(rules.config, update.weights)
    except WeightsError as error:
        return str(error)
    return None


def _newest(rules: Rules, updates: Sequence[LocalUpdate]) -> Iterable[Member]:
    """One member a device: its newest weights, and all examples it learned from in the window."""
    examples: defaultdict[str, int] = defaultdict(int)
    newest: dict[str, LocalUpdate] = {}
    for update in sorted(updates, key=lambda update: update.sequence):
        examples[update.device_id] += update.example_count
        newest[update.device_id] = update
    for device_id, update in newest.items():
        known = weights.from_bytes(rules.config, update.weights)
        yield Member(update.update_id, known, examples[device_id])


def _contribution(state: Windows, item: Located, shares: dict[str, float], reason: str | None) -> Contribution:
    update = item.update
    outcome = REJECTED if reason else ACCEPTED if update.update_id in shares else SUPERSEDED
    return Contribution(
        update_id=update.update_id,
        device_id=update.device_id,
        partition=item.partition,
        offset=item.offset,
        event_time=update.event_time,
        base_version=update.base_version,
        staleness=max(state.version - update.base_version, 0),
        example_count=update.example_count,
        coefficient=shares.get(update.update_id, 0.0),
        outcome=outcome,
        reason=reason,
    )


def pooled(reports: Iterable[Sequence[HorizonError]]) -> tuple[HorizonError, ...]:
    """Means over all devices' labels, for each sensor and horizon."""
    sums: defaultdict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for errors in reports:
        for error in errors:
            total = sums[(error.horizon_ms, error.sensor)]
            total[0] += error.count
            total[1] += error.count * error.mae
            total[2] += error.count * error.persistence_mae
    return tuple(
        HorizonError(sensor, horizon_ms, int(count), mae / count, persistence / count)
        for (horizon_ms, sensor), (count, mae, persistence) in sorted(sums.items())
    )


def _resume_offsets(state: Windows, left: Sequence[Located]) -> dict[str, int]:
    """Where a restarted aggregator reads on: behind what is decided, before what is not or tells the time."""
    offsets = dict(state.positions) | {partition: clock.offset for partition, clock in state.clocks.items()}
    for item in left:
        offsets[item.partition] = min(offsets[item.partition], item.offset)
    return {str(partition): offset for partition, offset in sorted(offsets.items())}
