"""What an operator's word does: everybody stands on an older version until it is released. Pure.

A command is obeyed at once, by an event of its own between two windows: a version whose weights are those of the one
that is to be stood on, so whoever reads it need not look for them.
"""

from aggregator_stream.fold import promotion, server_state
from aggregator_stream.fold.closing import command_offsets, resume_offsets, standing_of
from aggregator_stream.fold.restore import held_of
from aggregator_stream.fold.state import Order, Rules, Standing, Windows
from forecaster import weights
from forecaster.knowledge import architecture
from schemas.events import Decision, GlobalModel, ModelCommand

ROLLBACK, RELEASE = "rollback", "release"


class CommandError(ValueError):
    """A command that cannot be obeyed."""


def obey(rules: Rules, state: Windows, order: Order) -> tuple[Windows, list[GlobalModel]]:
    """Take the next command; a repeated one, one for another model, or one that is behind us does nothing.

    Raises:
        CommandError: no such action, or no such version to stand on; the state goes on as ``passed``.
    """
    if order.offset < state.command_positions.get(order.partition, 0):
        # Read again, as after a rebalance: what was refused then might be obeyed now, out of its turn.
        return state, []
    command, after = order.command, passed(state, order)
    if command.model != rules.model or command.command_id in state.obeyed:
        return after, []
    refusal = _refusal(rules, state, order)
    if refusal:
        raise CommandError(f"{command.command_id}: {refusal}")
    standing, parent = _after(rules, state, command)
    if command.action == ROLLBACK:
        assert order.target is not None
        held = held_of(rules, order.target)
    else:
        held = state.held[parent]
    version = state.version + 1
    after = after.standing_so(standing, {version: held, standing.champion: held})._replace(
        version=version, obeyed=state.obeyed | {command.command_id}
    )
    return after, [_event(rules, state, after, command, parent)]


def _after(rules: Rules, state: Windows, command: ModelCommand) -> tuple[Standing, int]:
    """The standing that is wanted, and the version whose weights are stood on then."""
    if command.action == ROLLBACK:
        return Standing(command.version, pinned=True), command.version
    if rules.evaluated:
        return state.standing._replace(pinned=False), state.standing.champion
    return Standing(state.version + 1), state.standing.parent


def passed(state: Windows, order: Order) -> Windows:
    """The state with the command behind it, whatever came of it: what was refused is not obeyed after a restart."""
    return state._replace(command_positions={**state.command_positions, order.partition: order.offset + 1})


def _refusal(rules: Rules, state: Windows, order: Order) -> str | None:
    command, target = order.command, order.target
    if command.action not in (ROLLBACK, RELEASE):
        return f"action {command.action!r} is none of {ROLLBACK}, {RELEASE}"
    if command.command_id == promotion.POLICY:
        return "that is no command's id"
    if state.window is None:
        return "there is no version yet"
    if command.action == RELEASE and not state.standing.pinned:
        return "nothing is pinned"
    if command.action == RELEASE:
        return None
    if target is None:
        return f"version {command.version} is not on the log: the newest is {state.version}"
    if target.architecture != architecture(rules.config):
        return f"version {command.version} is of architecture {target.architecture}, not {architecture(rules.config)}"
    return None


def _event(rules: Rules, before: Windows, after: Windows, command: ModelCommand, parent: int) -> GlobalModel:
    assert before.window is not None
    moment, now = before.window * rules.window_ms, after.standing.champion
    held = after.held[now]
    if now == before.standing.champion:
        said = promotion.PINNED if command.action == ROLLBACK else promotion.RELEASED
        decisions: tuple[Decision, ...] = (Decision(now, said, command.command_id, command.reason),)
    else:
        decisions = promotion.changed(before.standing.champion, now, command.command_id, command.reason)
    return GlobalModel(
        model=rules.model,
        version=after.version,
        parent_version=parent,
        window_start=moment,
        window_end=moment,
        strategy=rules.strategy.name,
        strategy_parameters=dict(rules.strategy.parameters),
        architecture=architecture(rules.config),
        weights=weights.flat_to_bytes(rules.config, held.weights),
        contributions=(),
        example_count=0,
        errors=(),
        promotion="unchanged",
        resume_offsets=resume_offsets(after),
        dataset="",
        rules=rules.recorded,
        server_state=server_state.to_bytes({**held.server, **after.spent}),
        reason=f"{command.action} by {command.command_id}: {command.reason}",
        decisions=decisions,
        command_offsets=command_offsets(after),
        **standing_of(after),
    )
