"""A small fleet's updates as they lie on the log, for the tests of the window fold."""

from functools import lru_cache

import jax
import numpy as np

from aggregator_stream.fold.restore import Decided, beginning
from aggregator_stream.fold.state import Located, Mark, Rules, Standing
from aggregator_stream.fold.windows import step
from forecaster import weights
from forecaster.knowledge import architecture, initial
from forecaster.strategies import fedavg
from schemas.events import HorizonError, LocalUpdate
from tests.unit.forecaster.series import TINY

MINUTE = 60_000
WINDOW = 30 * MINUTE
START = 1_078_358_400_000  # 2004-03-04, the beginning of a window
RULES = Rules(TINY, fedavg())


@lru_cache
def params(seed):
    """Some weights, a function of ``seed``."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda a: random.normal(0, 1, a.shape).astype(np.float32), initial(TINY))


def update(device, sequence, minute, examples=6, **changes):
    """The ``sequence``-th update of a device, at a minute after ``START``."""
    return LocalUpdate(
        update_id=f"{device}/{sequence}",
        device_id=device,
        sequence=sequence,
        event_time=START + minute * MINUTE,
        base_version=0,
        adopted_at=None,
        architecture=architecture(TINY),
        weights=weights.to_bytes(params(hash_of(device, sequence))),
        example_count=examples,
        reading_partition=0,
        first_offset=0,
        last_offset=0,
        errors=(HorizonError("temperature", WINDOW, 2, 0.5, 1.0),),
        dataset="test",
    )._replace(**changes)


def hash_of(device, sequence):
    """A seed for each update."""
    return int(device.removeprefix("mote-")) * 1000 + sequence


def written(rows, partitions=4, marks=True):
    """Updates as a writer appends them: rows of (update, watermark in minutes); a device's number gives its partition.

    Returns a list of records for each partition. With ``marks``, each has one wherever the watermark has entered
    another five minutes.
    """
    log = [[] for _ in range(partitions)]
    passed = None
    for row, watermark in rows:
        if marks and (passed is None or watermark // 5 > passed // 5):
            for partition, records in enumerate(log):
                records.append(Mark(partition, len(records), int(START + watermark * MINUTE)))
        passed = watermark
        partition = int(row.device_id.removeprefix("mote-")) % partitions
        log[partition].append(Located(row, partition, len(log[partition]), int(START + watermark * MINUTE)))
    return log


def merged(log, order):
    """The partitions as one sequence, each in its own order: ``order`` names the partition to read from next."""
    left = [list(records) for records in log]
    for partition in [*order, *range(len(log))]:
        if left[partition]:
            yield left[partition].pop(0)
    for records in left:
        yield from records


def standing(rules, version, minute=0):
    """The state in which ``version`` is the newest and the champion; the window at a minute closes next."""
    start = beginning(rules)
    return start.standing_so(Standing(version), {version: start.parent})._replace(
        version=version, window=(START + minute * MINUTE) // WINDOW
    )


def restored(rules, models):
    """What a restarted aggregator makes of its events."""
    decided = Decided()
    for model in models:
        decided.take(model)
    return decided.state(rules, {model.version: model for model in models}.__getitem__)


def fold(state, sequence, rules=RULES):
    """Fold records; return the state and the models."""
    models = []
    for record in sequence:
        state, closed = step(rules, state, record)
        models += closed
    return state, models
