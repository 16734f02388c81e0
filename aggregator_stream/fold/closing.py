"""What a closing window decides: who contributes with which share, and the model that follows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from aggregator_stream.fold import membership, promotion, server_state
from aggregator_stream.fold.membership import Chosen
from aggregator_stream.fold.state import Held, Located, Rules, Windows
from aggregator_stream.workers import plans
from forecaster import weights
from forecaster.knowledge import architecture
from forecaster.strategies import Share
from forecaster.strategies.contract import REJECTED, Aggregate, State
from forecaster.trials import NONE
from schemas.events import Contribution, GlobalModel, HorizonError, LocalUpdate, Summand

SUPERSEDED = "superseded"
LONG = 2**63 - 1
EMPTY = "no contributors"
BEYOND = f"the strategy gives weights that are no numbers, or more than {membership.LARGEST_WEIGHT:.0f}"


def close(rules: Rules, state: Windows, located: Sequence[Located]) -> tuple[Windows, GlobalModel]:
    """Close the state's window over ``located``, some of the pending updates.

    They are taken in the log's order, so that what is decided does not depend on how partitions were read in turn.
    """
    assert state.window is not None
    located = sorted(located, key=lambda item: (item.partition, item.offset))
    updates = [item.update for item in located]
    window_end = (state.window + 1) * rules.window_ms
    chosen = membership.choose(rules, state, window_end, located)
    evaluations = promotion.pooled(rules, state.standing, chosen.updates.values())
    standing, decisions = promotion.decide(rules, state.standing, evaluations)
    # A version that has just been rejected is nobody's parent.
    decided = state.standing_so(standing)
    # But devices did not know of that: an update is as stale as it is beside the champion until now.
    counted = list(membership.summands(rules, state.standing, chosen))
    remembered, aggregate, reason = aggregated(rules, decided, window_end, counted, chosen.updates)
    contributions = tuple(_contribution(state, item, chosen, aggregate.shares, reason) for item in located)
    version = state.version + 1
    after = decided.standing_so(
        promotion.joined(rules, standing, version, anew=reason is None),
        {version: Held(aggregate.weights, remembered)},
    )._replace(
        version=version,
        window=state.window + 1,
        pending=_without(state.pending, located),
        spent=server_state.spent(remembered) or state.spent,
    )
    model = GlobalModel(
        model=rules.model,
        version=after.version,
        parent_version=standing.parent,
        window_start=state.window * rules.window_ms,
        window_end=window_end,
        strategy=rules.strategy.name,
        strategy_parameters=dict(rules.strategy.parameters),
        architecture=architecture(rules.config),
        weights=weights.flat_to_bytes(rules.config, aggregate.weights),
        contributions=contributions,
        example_count=sum(
            chosen.examples[device_id]
            for device_id, item in chosen.newest.items()
            if (share := aggregate.shares.get(item.update.update_id)) and share.outcome != REJECTED
        ),
        errors=pooled(update.errors for update in updates if update.update_id not in chosen.refusals),
        promotion="unchanged" if reason else "promoted" if after.standing.champion == version else "candidate",
        resume_offsets=resume_offsets(after),
        dataset=updates[-1].dataset if updates else "",
        rules=rules.recorded,
        notes=dict(aggregate.notes),
        server_state=server_state.to_bytes({**remembered, **after.spent}),
        reason=reason,
        command_offsets=command_offsets(state),
        decisions=decisions,
        evaluations=evaluations,
        **standing_of(after),
    )
    return after, model


def standing_of(state: Windows) -> dict[str, Any]:
    """The standing of versions as an event carries it."""
    standing = state.standing
    fallback = NONE if standing.fallback is None else standing.fallback
    return {
        "champion": standing.champion,
        "fallback": fallback,
        "candidates": standing.candidates,
        "pinned": standing.pinned,
    }


def aggregated(
    rules: Rules,
    state: Windows,
    window_end: int,
    counted: Sequence[tuple[int, Summand]],
    updates: Mapping[str, LocalUpdate],
) -> tuple[State, Aggregate, str | None]:
    """What the strategy makes of the devices ``counted``, or why it is not asked: then the model stands."""
    contributors, parent = len(counted), state.parent
    # What has been used up stays so, though the parent may be older than the versions that used it up.
    parent = parent._replace(server={**parent.server, **state.spent})
    if contributors < rules.min_contributors:
        reason = f"too few contributors: {contributors} of {rules.min_contributors}" if contributors else EMPTY
        return parent.server, Aggregate(parent.weights, {}), reason
    strategy = rules.strategy
    if rules.gather and strategy.finish:
        named = rules.model, state.version + 1, window_end, strategy
        asked = plans.Asked(*named, parent.weights, plans.by_partition(counted), updates)
        remembered, aggregate = strategy.finish(parent.server, parent.weights, rules.gather(asked))
    else:
        members = plans.members(rules.config, (summand for _, summand in counted), updates)
        remembered, aggregate = strategy.update(parent.server, parent.weights, members)
    if all(share.outcome == REJECTED for share in aggregate.shares.values()):
        return parent.server, aggregate._replace(weights=parent.weights), "the strategy rejected all contributors"
    # No device could learn from there, and no aggregator start again.
    if not _sound(aggregate.weights, remembered):
        return parent.server, Aggregate(parent.weights, {}), BEYOND
    return remembered, aggregate, None


def _sound(numbers: NDArray[np.float32], remembered: State) -> bool:
    believed = bool((np.abs(numbers) <= membership.LARGEST_WEIGHT).all())
    return believed and all(np.isfinite(array).all() for array in remembered.values())


def _contribution(
    state: Windows, item: Located, chosen: Chosen, shares: Mapping[str, Share], reason: str | None
) -> Contribution:
    update = item.update
    if refusal := chosen.refusals.get(update.update_id):
        share = Share(0.0, REJECTED, refusal)
    elif chosen.newest[update.device_id] is not item:
        share = Share(0.0, SUPERSEDED)
    else:
        share = shares.get(update.update_id, Share(0.0, REJECTED, reason))
    return Contribution(
        update_id=update.update_id,
        device_id=update.device_id,
        partition=item.partition,
        offset=item.offset,
        event_time=update.event_time,
        base_version=update.base_version,
        staleness=min(membership.staleness(state.standing, update), LONG),
        example_count=update.example_count,
        coefficient=share.coefficient,
        outcome=share.outcome,
        reason=share.reason,
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
        if count
    )


def _without(pending: Map[tuple[int, int], Located], decided: Sequence[Located]) -> Map[tuple[int, int], Located]:
    left = pending.mutate()
    for item in decided:
        left.pop((item.partition, item.offset), None)
    return left.finish()


def resume_offsets(state: Windows) -> dict[str, int]:
    """Where a restarted aggregator reads on: behind what is decided, before what is not or tells the time."""
    offsets = dict(state.positions) | {partition: clock.offset for partition, clock in state.clocks.items()}
    for (partition, offset), item in state.pending.items():
        offsets[partition] = min(offsets[partition], item.before.offset if item.before else offset)
    return {str(partition): offset for partition, offset in sorted(offsets.items())}


def command_offsets(state: Windows) -> dict[str, int]:
    """Where a restarted aggregator reads commands on."""
    return {str(partition): offset for partition, offset in sorted(state.command_positions.items())}
