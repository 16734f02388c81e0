"""What an operator's word does: everybody stands on an older version until it is released. Pure.

A command is obeyed at once, by an event of its own between two windows: a version whose weights are those of the one
that is to be stood on, so whoever reads it need not look for them.
"""

from aggregator_stream import server_state
from aggregator_stream.closing import command_offsets, resume_offsets
from aggregator_stream.state import Order, Rules, Windows
from forecaster import weights
from forecaster.knowledge import architecture
from schemas.events import Decision, GlobalModel, ModelCommand

ROLLBACK, RELEASE = "rollback", "release"
PROMOTED, ROLLED_BACK = "promoted", "rolled_back"


class CommandError(ValueError):
    """A command that cannot be obeyed."""


def obey(rules: Rules, state: Windows, order: Order) -> tuple[Windows, list[GlobalModel]]:
    """Take the next command; a repeated one, or one for another model, does nothing.

    Raises:
        CommandError: no such action, or no such version to stand on; the state goes on as ``passed``.
    """
    command, after = order.command, passed(state, order)
    if command.model != rules.model or command.command_id in state.obeyed:
        return after, []
    refusal = _refusal(rules, state, order)
    if refusal:
        raise CommandError(f"{command.command_id}: {refusal}")
    after = after._replace(
        version=state.version + 1,
        pinned=command.version if command.action == ROLLBACK else None,
        obeyed=state.obeyed | {command.command_id},
    )
    if command.action == ROLLBACK:
        assert order.target is not None
        after = after._replace(weights=weights.flat_from_bytes(rules.config, order.target.weights))
    return after, [_event(rules, state, after, command)]


def passed(state: Windows, order: Order) -> Windows:
    """The state with the command behind it, whatever came of it: what was refused is not obeyed after a restart."""
    return state._replace(command_positions={**state.command_positions, order.partition: order.offset + 1})


def _refusal(rules: Rules, state: Windows, order: Order) -> str | None:
    command, target = order.command, order.target
    if command.action not in (ROLLBACK, RELEASE):
        return f"action {command.action!r} is none of {ROLLBACK}, {RELEASE}"
    if state.window is None:
        return "there is no version yet"
    if command.action == RELEASE and state.pinned is None:
        return "nothing is pinned"
    if command.action == RELEASE:
        return None
    if target is None:
        return f"version {command.version} is not on the log: the newest is {state.version}"
    if target.architecture != architecture(rules.config):
        return f"version {command.version} is of architecture {target.architecture}, not {architecture(rules.config)}"
    return None


def _event(rules: Rules, before: Windows, after: Windows, command: ModelCommand) -> GlobalModel:
    assert before.window is not None
    moment = before.window * rules.window_ms
    return GlobalModel(
        model=rules.model,
        version=after.version,
        parent_version=before.version if after.pinned is None else after.pinned,
        window_start=moment,
        window_end=moment,
        strategy=rules.strategy.name,
        strategy_parameters=dict(rules.strategy.parameters),
        architecture=architecture(rules.config),
        weights=weights.flat_to_bytes(rules.config, after.weights),
        contributions=(),
        example_count=0,
        errors=(),
        promotion="unchanged",
        resume_offsets=resume_offsets(after),
        dataset="",
        rules=rules.recorded,
        server_state=server_state.to_bytes(after.server),
        reason=f"{command.action} by {command.command_id}: {command.reason}",
        champion=after.champion,
        pinned=after.pinned is not None,
        decisions=decisions(before.champion, after.champion, command.command_id, command.reason),
        command_offsets=command_offsets(after),
    )


def decisions(before: int, now: int, by: str, reason: str) -> tuple[Decision, ...]:
    """What is said of the versions when everybody goes from one to another."""
    promoted = Decision(now, PROMOTED, by, reason)
    return (promoted, Decision(before, ROLLED_BACK, by, reason)) if before > now else (promoted,)
