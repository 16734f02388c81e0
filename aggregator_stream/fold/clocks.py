"""How late it is: what the partitions of ``local_updates`` say of event time, and how far that is believed. Pure."""

from aggregator_stream.fold.membership import DAY_MS
from aggregator_stream.fold.state import Clock, End, Located, Mark, Rules, Skipped, Windows
from schemas.events import LocalUpdate


def watermark(rules: Rules, state: Windows) -> int | None:
    """The moment (ms) up to which all updates are in; ``None`` while some partition has not said anything."""
    silent, vouched = _silent(rules, state), marked(state)
    # Where some writer marks, it marks them all: what others say of a partition is no reason not to wait for its mark.
    told = {partition: clock for partition, clock in state.clocks.items() if clock.marked or not vouched}
    heard = {partition: clock.watermark for partition, clock in told.items() if partition not in silent}
    if not heard or len(heard) + len(silent) < rules.partitions:
        return None
    credible = state.newest + rules.config.update_bins * rules.config.bin_ms
    return min(credible, *heard.values()) - rules.lateness_ms


def _silent(rules: Rules, state: Windows) -> set[int]:
    """Partitions not to wait for: none where some writer marks, for it marks them all."""
    if marked(state):
        return set()
    behind = max((clock.watermark for clock in state.clocks.values()), default=0) - rules.idle_ms
    clocks = ((partition, state.clocks.get(partition)) for partition in state.ended)
    return {partition for partition, clock in clocks if clock is None or clock.watermark < behind}


def marked(state: Windows) -> bool:
    """Whether some writer vouches for watermarks; then it does so in every partition."""
    return any(clock.marked for clock in state.clocks.values())


def looked(state: Windows, end: End) -> Windows:
    """The state when a partition was seen to end there, which says something if all before it has been read."""
    if state.positions.get(end.partition, 0) < end.offset:
        return state
    return state._replace(ended=state.ended | {end.partition})


def read(rules: Rules, state: Windows, record: Located | Mark | Skipped) -> Windows:
    """The state with the record behind it, and the time that it tells, if it tells any."""
    state = state._replace(
        positions={**state.positions, record.partition: record.offset + 1}, ended=state.ended - {record.partition}
    )
    if isinstance(record, Skipped):
        return state
    if record.watermark is not None and not marked(state):
        # What was believed for want of a mark.
        latest = max(record.watermark, 0 if state.window is None else state.window * rules.window_ms)
        state = state._replace(newest=min(state.newest, latest), ahead=None)
    if isinstance(record, Mark):
        now = Clock(record.watermark, record.offset)
    elif record.watermark is not None:
        # Its writer's watermark says whether the time is right.
        state = state._replace(newest=max(state.newest, record.update.event_time))
        now = Clock(record.watermark, record.offset)
    else:
        state = _told(rules, state, record.update)
        now = Clock(min(record.update.event_time, state.newest), record.offset, marked=False)
    before = state.clocks.get(record.partition)
    if before is None or (now.marked, now.watermark) > (before.marked, before.watermark):
        state = state._replace(clocks={**state.clocks, record.partition: now})
    return state


def behind(state: Windows, record: Located | Mark | Skipped) -> bool:
    """Whether the record has been read before, as after a rebalance of the consumer group."""
    return record.offset < state.positions.get(record.partition, 0)


def _told(rules: Rules, state: Windows, update: LocalUpdate) -> Windows:
    """The state when a device says by itself how late it is: beyond a day, another one has to say so too.

    Where some writer marks, it is no later than its marks say, however many devices say so.
    """
    claim = update.event_time
    if marks := [clock.watermark for clock in state.clocks.values() if clock.marked]:
        return state._replace(newest=max(state.newest, min(claim, max(marks))))
    known = max(state.newest, 0 if state.window is None else state.window * rules.window_ms)
    if not known or (state.window is None and claim < known - DAY_MS):
        # Before any window has closed, the earliest of those that are days apart is the beginning.
        return state._replace(newest=claim, ahead=None)
    if claim <= known + DAY_MS:
        return state._replace(newest=max(known, claim))
    if state.ahead is None or state.ahead[0] == update.device_id:
        return state._replace(newest=known, ahead=(update.device_id, claim))
    newest = min(claim, state.ahead[1])
    if state.window is None:
        # Then that was not the beginning: nobody wants a window for each half hour since.
        state = state._replace(window=(newest - DAY_MS) // rules.window_ms)
    return state._replace(newest=newest, ahead=None)


def opened(rules: Rules, state: Windows, item: Located) -> int:
    """The first window that was open in its partition where an update lies that carries no watermark."""
    clock = item.before
    if clock is None or (marked(state) and not clock.marked):
        # What lies before the first mark of its partition is read before any window closes.
        return 0
    if not clock.marked and clock.watermark > item.update.event_time + DAY_MS:
        # Rather than that it is so late, another device's clock was ahead.
        return 0
    return first_open(rules, clock.watermark)


def first_open(rules: Rules, moment: int) -> int:
    """The first window that has not closed at a moment, ms."""
    return (moment - rules.lateness_ms) // rules.window_ms


def unbelieved(rules: Rules, state: Windows, item: Located, window: int) -> bool:
    """Whether a device said by itself that it is later than anybody believes; then ``window`` rejects it.

    Where some writer marks, that is a day later than the window that is open in its partition: so it does not depend on
    how far others have been read.
    """
    if item.watermark is not None:
        return False
    if marked(state):
        latest = (window + 1) * rules.window_ms
        return opened(rules, state, item) <= window and item.update.event_time > latest + DAY_MS
    return item.update.event_time > state.newest + DAY_MS
