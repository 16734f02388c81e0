"""The fold's state from the log: what ``global_models`` says has been decided, and where to read on."""

from collections.abc import Iterable

from aggregator_stream.state import Rules, Windows
from forecaster import weights
from forecaster.knowledge import initial
from schemas.events import GlobalModel


def beginning(rules: Rules) -> Windows:
    """The state before any update: version 0 is what every device starts from."""
    known = initial(rules.config)
    return Windows(version=0, knowledge=known, server=rules.strategy.init(known))


def restore(rules: Rules, models: Iterable[GlobalModel]) -> Windows:
    """The state after the newest of ``models``, all versions in any order.

    Updates from ``positions`` on are to be read again; those that a window decided are known by their sequence.
    A version that appears twice counts as it stands first.
    """
    state = beginning(rules)
    sequences: dict[str, int] = {}
    newest: GlobalModel | None = None
    for model in models:
        for contribution in model.contributions:
            sequence = int(contribution.update_id.rpartition("/")[2])
            sequences[contribution.device_id] = max(sequence, sequences.get(contribution.device_id, 0))
        if newest is None or model.version > newest.version:
            newest = model
    if newest is None:
        return state
    return state._replace(
        version=newest.version,
        knowledge=weights.from_bytes(rules.config, newest.weights),
        window=newest.window_end // rules.window_ms,
        sequences=sequences,
        positions={int(partition): offset for partition, offset in newest.resume_offsets.items()},
    )
