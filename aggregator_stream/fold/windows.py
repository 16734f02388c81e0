"""When a window closes, and which updates are in it: a pure fold over ``local_updates``.

A window is tumbling and in event time. An update belongs to the window of its event time, or, where the reading that
made it known came later than the allowed lateness, to the one that is open then: its own data say so, whatever the
pace at which it was read. One that comes without its writer's watermark, as those that are posted, may lie behind the
mark that closes its window: it enters the one that is open there, in its own partition's order, however far others have
been read. A window closes when the watermark passes its end by the lateness. The watermark is the
smallest, over partitions, of the newest one that a record there carried; a writer that marks every partition thereby
says of a silent one that it has nothing. And a record that lies about the time does not open the future: no watermark
counts beyond the newest event time of an update by more than the time between two.

Where nobody vouches for a watermark, partitions go by the event times of their updates, a device's word counting as
long as it is not a day ahead of all others. There one partition must not hold the others up when its devices fall
silent, and no update can say that there is none: so once it has been read to its end, and is ``idle_ms`` behind,
windows close without it. That depends on when somebody looked; what was decided stands in the model's event.
"""

from collections.abc import Iterator

from aggregator_stream.fold.clocks import behind, first_open, looked, opened, read, unbelieved, watermark
from aggregator_stream.fold.closing import close
from aggregator_stream.fold.commands import obey
from aggregator_stream.fold.state import Clock, End, Located, Mark, Order, Record, Rules, Skipped, Windows
from schemas.events import GlobalModel


def step(rules: Rules, state: Windows, record: Record) -> tuple[Windows, list[GlobalModel]]:
    """Take the next record of its partition, or word of where it ends; emit the models that follow.

    Raises:
        CommandError: a command that cannot be obeyed.
    """
    models = []
    for after, model in steps(rules, state, record):
        state = after
        models += [model] if model else []
    return state, models


def steps(rules: Rules, state: Windows, record: Record) -> Iterator[tuple[Windows, GlobalModel | None]]:
    """The same one by one: the state with the record taken, then each model with the state behind it.

    A long silence is thousands of windows, of which nobody has to hold all. A record that is read again, as after a
    rebalance of the consumer group, changes nothing.
    """
    if isinstance(record, Order):
        state, models = obey(rules, state, record)
        yield state, models[0] if models else None
        return
    if isinstance(record, End):
        state = looked(state, record)
    elif not behind(state, record):
        before = state.clocks.get(record.partition)
        state = _taken(read(rules, state, record), record, before)
    yield state, None
    passed = watermark(rules, state)
    while passed is not None and (window := _next(rules, state, passed)) is not None:
        state, model = close(rules, state._replace(window=window), _due(rules, state, window))
        yield state, model


def _due(rules: Rules, state: Windows, window: int) -> list[Located]:
    """What a window decides: also an update that came out of turn, after its own, and one that has no turn."""
    return [
        item
        for item in state.pending.values()
        if window_of(rules, state, item) <= window or unbelieved(rules, state, item, window)
    ]


def _next(rules: Rules, state: Windows, passed: int) -> int | None:
    """The window that closes next, if its time has ``passed``: where none has, the first that an update is in."""
    window = state.window
    if window is None:
        # Asked at every record, so not of all updates before one of them can have had its time.
        if state.oldest is None or passed < state.oldest:
            return None
        window = min(window_of(rules, state, item) for item in state.pending.values())
    return window if passed >= (window + 1) * rules.window_ms else None


def window_of(rules: Rules, state: Windows, item: Located) -> int:
    """The window an update belongs to. Its event time is the end of a bin, so a window includes its own end."""
    update = item.update
    own = (update.event_time - 1) // rules.window_ms
    if update.closed_at is not None:
        own = max(own, first_open(rules, update.closed_at))
    return max(own, opened(rules, state, item))


def _taken(state: Windows, record: Located | Mark | Skipped, before: Clock | None) -> Windows:
    """The state with the record's update in it, unless it has none or one that has been seen before."""
    if not isinstance(record, Located):
        return state
    update = record.update
    if update.sequence <= state.sequences.get(update.device_id, 0):
        return state
    state = state._replace(sequences=state.sequences.set(update.device_id, update.sequence))
    place = record.partition, record.offset
    if place in state.decided:
        return state
    if record.watermark is None:
        record = record._replace(before=before)
    oldest = update.event_time if state.oldest is None else min(state.oldest, update.event_time)
    return state._replace(pending=state.pending.set(place, record), oldest=oldest)
