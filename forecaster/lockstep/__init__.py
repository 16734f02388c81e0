"""A whole fleet in one loop, without any engine: devices, windows and adoption under ``scan`` and ``vmap``.

The same learner and the same rules as on Flink and in the aggregator, on a grid of bins. It is what learning is judged
on, and what the engines are held against.
"""

from forecaster.lockstep.loop import run
from forecaster.lockstep.state import Fleet, Grid, Rounds, Server

__all__ = ["Fleet", "Grid", "Rounds", "Server", "run"]
