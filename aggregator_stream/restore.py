"""The fold's state from the log: what ``global_models`` says has been decided, and where to read on."""

from collections.abc import Iterable

import numpy as np
from immutables import Map

from aggregator_stream import server_state
from aggregator_stream.state import Rules, Windows
from forecaster import knowledge, weights
from schemas.events import GlobalModel


def beginning(rules: Rules) -> Windows:
    """The state before any update: version 0 is what every device starts from."""
    numbers = np.asarray(knowledge.flat(knowledge.initial(rules.config)))
    return Windows(version=0, weights=numbers, server=rules.strategy.init(numbers))


def restore(rules: Rules, models: Iterable[GlobalModel]) -> Windows:
    """The state after the newest of ``models``, all versions in any order.

    Updates from ``positions`` on are to be read again; those that a window decided are known by their sequence.
    A version that appears twice counts as it stands first.
    """
    sequences: dict[str, int] = {}
    obeyed: set[str] = set()
    newest: GlobalModel | None = None
    for model in models:
        obeyed |= {decision.by for decision in model.decisions}
        for contribution in model.contributions:
            sequence = int(contribution.update_id.rpartition("/")[2])
            sequences[contribution.device_id] = max(sequence, sequences.get(contribution.device_id, 0))
        if newest is None or model.version > newest.version:
            newest = model
    if newest is None:
        return beginning(rules)
    return standing_on(rules, newest)._replace(
        sequences=Map(sequences),
        positions={int(partition): offset for partition, offset in newest.resume_offsets.items()},
        obeyed=frozenset(obeyed),
        command_positions={int(partition): offset for partition, offset in newest.command_offsets.items()},
    )


def standing_on(rules: Rules, model: GlobalModel) -> Windows:
    """The state of which ``model`` is the newest, before any update.

    Where it was made by another strategy, or by one with other parameters, this one begins anew on its weights.
    """
    numbers = weights.flat_from_bytes(rules.config, model.weights)
    made_by = (model.strategy, model.strategy_parameters)
    same = made_by == (rules.strategy.name, dict(rules.strategy.parameters))
    remembered = server_state.from_bytes(model.server_state) if same else rules.strategy.init(numbers)
    # Where windows had another length: the first of ours that does not begin in one that has been closed.
    window = -(-model.window_end // rules.window_ms)
    return Windows(model.version, numbers, remembered, window, pinned=model.champion if model.pinned else None)
