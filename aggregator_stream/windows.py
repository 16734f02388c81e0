"""When a window closes, and which updates are in it: a pure fold over ``local_updates``.

A window is tumbling and in event time. It closes when the watermark passes its end by the allowed lateness, and the
watermark comes from the updates alone: the smallest, over partitions, of the newest one that an update carried. A
partition without unread records that has fallen behind by ``idle_ms`` does not hold the others up, and a record that
lies about the time does not open the future: no watermark counts beyond the newest event time of an update.
"""

from aggregator_stream.closing import close
from aggregator_stream.state import Located, Rules, Windows
from schemas.events import GlobalModel, LocalUpdate


def step(rules: Rules, state: Windows, located: Located, read_out: frozenset[int]) -> tuple[Windows, list[GlobalModel]]:
    """Take one update; emit the models of the windows that it closes.

    Args:
        rules: what decides.
        state: before.
        located: the next update of its partition.
        read_out: partitions without unread records.
    """
    state = _taken(state, located)
    passed, models = watermark(rules, state, read_out), []
    if passed is not None and state.window is None:
        state = state._replace(window=min(window_of(rules, item.update) for item in state.pending))
    while passed is not None and state.window is not None and passed >= (state.window + 1) * rules.window_ms:
        # A late update, whose own window has closed, enters this one.
        members = [item for item in state.pending if window_of(rules, item.update) <= state.window]
        state, model = close(rules, state, members)
        models.append(model)
    return state, models


def window_of(rules: Rules, update: LocalUpdate) -> int:
    """The window an update belongs to. Its event time is the end of a bin, so a window includes its own end."""
    return (update.event_time - 1) // rules.window_ms


def watermark(rules: Rules, state: Windows, read_out: frozenset[int]) -> int | None:
    """The moment (ms) up to which all updates are thought to be in; ``None`` while nobody can tell."""
    if state.since is None or not state.clocks:
        return None
    ahead, awake = max(state.clocks.values()), []
    for partition in range(rules.partitions):
        clock = state.clocks.get(partition)
        behind = ahead - (state.since if clock is None else clock)
        if partition in read_out and behind > rules.idle_ms:
            continue
        if clock is None:
            return None
        awake.append(clock)
    return min(*awake, state.newest) - rules.lateness_ms


def _taken(state: Windows, located: Located) -> Windows:
    """The state with the update in it, unless it has been seen before."""
    update, partition = located.update, located.partition
    state = state._replace(
        since=update.event_time if state.since is None else state.since,
        newest=max(update.event_time, state.newest),
        clocks={**state.clocks, partition: max(located.watermark, state.clocks.get(partition, 0))},
        positions={**state.positions, partition: located.offset + 1},
    )
    if update.sequence <= state.sequences.get(update.device_id, 0):
        return state
    sequences = {**state.sequences, update.device_id: update.sequence}
    return state._replace(pending=(*state.pending, located), sequences=sequences)
