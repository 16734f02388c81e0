"""When a window closes, and which updates are in it: a pure fold over ``local_updates``.

A window is tumbling and in event time. An update belongs to the window of its event time, or, where the reading that
made it known came later than the allowed lateness, to the one that is open then: its own data say so, whatever the
pace at which it was read. A window closes when the watermark passes its end by the lateness. The watermark is the
smallest, over partitions, of the newest one that a record there carried; a writer that marks every partition thereby
says of a silent one that it has nothing. And a record that lies about the time does not open the future: no watermark
counts beyond the newest event time of an update by more than the time between two.

Where nobody vouches for a watermark, partitions go by the event times of their updates. There one must not hold the
others up when its devices fall silent, and no update can say that there is none: so once it has been read to its end,
and is ``idle_ms`` behind, windows close without it. That depends on when somebody looked; what was decided stands in
the model's event.
"""

from aggregator_stream.closing import close
from aggregator_stream.commands import obey
from aggregator_stream.state import Clock, End, Located, Mark, Order, Rules, Windows
from schemas.events import GlobalModel, LocalUpdate


def step(rules: Rules, state: Windows, record: Located | Mark | End | Order) -> tuple[Windows, list[GlobalModel]]:
    """Take the next record of its partition, or word of where it ends; emit the models that follow.

    Raises:
        CommandError: a command that cannot be obeyed.
    """
    if isinstance(record, Order):
        return obey(rules, state, record)
    state = _looked(state, record) if isinstance(record, End) else _taken(_read(state, record), record)
    passed, models = watermark(rules, state), []
    while passed is not None and (window := _next(rules, state)) is not None:
        if passed < (window + 1) * rules.window_ms:
            break
        # An update that came out of turn, after its window, enters this one.
        members = [item for item in state.pending if window_of(rules, item.update) <= window]
        state, model = close(rules, state._replace(window=window), members)
        models.append(model)
    return state, models


def _next(rules: Rules, state: Windows) -> int | None:
    """The window that closes next: where none has, the first that an update is in."""
    if state.window is None:
        return min((window_of(rules, item.update) for item in state.pending), default=None)
    return state.window


def window_of(rules: Rules, update: LocalUpdate) -> int:
    """The window an update belongs to. Its event time is the end of a bin, so a window includes its own end."""
    own = (update.event_time - 1) // rules.window_ms
    if update.closed_at is None:
        return own
    return max(own, (update.closed_at - rules.lateness_ms) // rules.window_ms)


def watermark(rules: Rules, state: Windows) -> int | None:
    """The moment (ms) up to which all updates are in; ``None`` while some partition has not said anything."""
    silent = _silent(rules, state)
    heard = {partition: clock.watermark for partition, clock in state.clocks.items() if partition not in silent}
    if not heard or len(heard) + len(silent) < rules.partitions:
        return None
    credible = state.newest + rules.config.update_bins * rules.config.bin_ms
    return min(credible, *heard.values()) - rules.lateness_ms


def _silent(rules: Rules, state: Windows) -> set[int]:
    """Partitions not to wait for: none where some writer marks, for it marks them all."""
    if any(clock.marked for clock in state.clocks.values()):
        return set()
    behind = max((clock.watermark for clock in state.clocks.values()), default=0) - rules.idle_ms
    clocks = ((partition, state.clocks.get(partition)) for partition in state.ended)
    return {partition for partition, clock in clocks if clock is None or clock.watermark < behind}


def _looked(state: Windows, end: End) -> Windows:
    """The state when a partition was seen to end there, which says something if all before it has been read."""
    if state.positions.get(end.partition, 0) < end.offset:
        return state
    return state._replace(ended=state.ended | {end.partition})


def _read(state: Windows, record: Located | Mark) -> Windows:
    """The state with the record behind it."""
    before = state.clocks.get(record.partition)
    now = _clock(record)
    clocks = dict(state.clocks)
    if before is None or (now.marked, now.watermark) > (before.marked, before.watermark):
        clocks[record.partition] = now
    return state._replace(
        clocks=clocks,
        positions={**state.positions, record.partition: record.offset + 1},
        ended=state.ended - {record.partition},
    )


def _clock(record: Located | Mark) -> Clock:
    if record.watermark is None:
        assert isinstance(record, Located)
        return Clock(record.update.event_time, record.offset, marked=False)
    return Clock(record.watermark, record.offset)


def _taken(state: Windows, record: Located | Mark) -> Windows:
    """The state with the record's update in it, unless it has none or one that has been seen before."""
    if isinstance(record, Mark):
        return state
    update = record.update
    state = state._replace(newest=max(update.event_time, state.newest))
    if update.sequence <= state.sequences.get(update.device_id, 0):
        return state
    sequences = {**state.sequences, update.device_id: update.sequence}
    return state._replace(pending=(*state.pending, record), sequences=sequences)
