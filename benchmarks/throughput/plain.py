"""The baseline without any engine: the same bins through the same learner, one process, ``vmap`` over the devices."""

import tempfile
import time
from pathlib import Path

import jax

from benchmarks.quality.grids import grid
from forecaster import lockstep
from forecaster.config import Config
from forecaster.lockstep import Rounds
from producers.cleaning import Verdict
from producers.dataset import prepare


def run(data: Path) -> float:
    """Readings a second, binning left out, compiled before."""
    config = Config()
    with tempfile.TemporaryDirectory(prefix="fedlog-bench-") as cache:
        prepared = prepare(data, data.name, Path(cache))
        readings = int((prepared.rows["verdict"] == Verdict.ACCEPTED).sum())
        fleet = grid(config, prepared).grid
    jax.block_until_ready(lockstep.run(config, Rounds(), fleet))
    begin = time.perf_counter()
    jax.block_until_ready(lockstep.run(config, Rounds(), fleet))
    return readings / (time.perf_counter() - begin)
