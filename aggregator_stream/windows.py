"""When a window closes, and which updates are in it: a pure fold over ``local_updates``.

A window is tumbling and in event time. An update belongs to the window of its event time, or, where the reading that
made it known came later than the allowed lateness, to the one that is open then: its own data say so, whatever the
pace at which it was read. A window closes when the watermark passes its end by the lateness. The watermark is the
smallest, over partitions, of the newest one that a record there carried; the writer marks every partition, so a silent
one does not hold the others up. And a record that lies about the time does not open the future: no watermark counts
beyond the newest event time of an update by more than the time between two.
"""

from aggregator_stream.closing import close
from aggregator_stream.state import Clock, Located, Mark, Rules, Windows
from schemas.events import GlobalModel, LocalUpdate


def step(rules: Rules, state: Windows, record: Located | Mark) -> tuple[Windows, list[GlobalModel]]:
    """Take the next record of its partition; emit the models of the windows that it closes."""
    state = _taken(_read(state, record), record)
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
    if len(state.clocks) < rules.partitions:
        return None
    credible = state.newest + rules.config.update_bins * rules.config.bin_ms
    return min(credible, *(clock.watermark for clock in state.clocks.values())) - rules.lateness_ms


def _read(state: Windows, record: Located | Mark) -> Windows:
    """The state with the record behind it."""
    before = state.clocks.get(record.partition)
    clocks = dict(state.clocks)
    if before is None or record.watermark > before.watermark:
        clocks[record.partition] = Clock(record.watermark, record.offset)
    return state._replace(clocks=clocks, positions={**state.positions, record.partition: record.offset + 1})


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
