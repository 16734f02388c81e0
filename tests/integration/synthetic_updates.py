"""Updates that nobody has learned: weights at random, for tests of what is made of them."""

from typing import Any

import jax
import numpy as np

from forecaster import knowledge, weights
from forecaster.knowledge import Knowledge, architecture
from schemas.events import HorizonError, LocalUpdate
from tests.integration.fleet import CONFIG, WINDOW


def known(random: np.random.Generator) -> Knowledge:
    """Something to know, every number of it normally distributed."""
    made: Knowledge = jax.tree.map(
        lambda array: random.normal(0, 1, array.shape).astype(np.float32), knowledge.initial(CONFIG)
    )
    return made


def update(device: str, sequence: int, event_time: int, seed: int, **changes: Any) -> LocalUpdate:
    """An update, a function of its arguments."""
    random = np.random.default_rng(seed)
    return LocalUpdate(
        update_id=f"{device}/{sequence}",
        device_id=device,
        sequence=sequence,
        event_time=event_time,
        base_version=0,
        adopted_at=None,
        architecture=architecture(CONFIG),
        weights=weights.to_bytes(known(random)),
        example_count=int(random.integers(1, 50)),
        reading_partition=-1,
        first_offset=-1,
        last_offset=-1,
        errors=(HorizonError("temperature", WINDOW, 2, 0.5, 1.0),),
        dataset="synthetic",
    )._replace(**changes)
