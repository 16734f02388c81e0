"""How late it is: what the partitions of ``local_updates`` say of event time, and how far that is believed. Pure."""

from aggregator_stream.fold.membership import DAY_MS
from aggregator_stream.fold.state import Clock, End, Located, Mark, Rules, Skipped, Windows
from schemas.events import LocalUpdate


def watermark(rules: Rules, state: Windows) -> int | None:
    """The moment (ms) up to which all updates are in; ``None`` while some partition has not said anything."""
    silent, marked = _silent(rules, state), _marked(state)
    # Where some writer marks, it marks them all: what others say of a partition is no reason not to wait for its mark.
    told = {partition: clock for partition, clock in state.clocks.items() if clock.marked or not marked}
    heard = {partition: clock.watermark for partition, clock in told.items() if partition not in silent}
    if not heard or len(heard) + len(silent) < rules.partitions:
        return None
    credible = state.newest + rules.config.update_bins * rules.config.bin_ms
    return min(credible, *heard.values()) - rules.lateness_ms


def _silent(rules: Rules, state: Windows) -> set[int]:
    """Partitions not to wait for: none where some writer marks, for it marks them all."""
    if _marked(state):
        return set()
    behind = max((clock.watermark for clock in state.clocks.values()), default=0) - rules.idle_ms
    clocks = ((partition, state.clocks.get(partition)) for partition in state.ended)
    return {partition for partition, clock in clocks if clock is None or clock.watermark < behind}


def _marked(state: Windows) -> bool:
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
    """The state when a device says by itself how late it is: beyond a day, another one has to say so too."""
    claim = update.event_time
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


def unbelieved(state: Windows, item: Located) -> bool:
    """Whether a device said by itself that it is later than anybody believes."""
    return item.watermark is None and item.update.event_time > state.newest + DAY_MS
