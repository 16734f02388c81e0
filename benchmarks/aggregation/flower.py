"""Flower's strategies by our names and parameters, in the environment of ``requirements/flower.txt``."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.settings import Settings

Given = Mapping[str, float]


def _adaptive(given: Given) -> dict[str, Any]:
    return {"eta": given["learning_rate"], "beta_1": given["b1"], "beta_2": given["b2"], "tau": given["tau"]}


THEIRS: Mapping[str, tuple[str, Callable[[Given], dict[str, Any]]]] = {
    "fedavg": ("FedAvg", lambda given: {}),
    "fedavgm": (
        "FedAvgM",
        lambda given: {"server_learning_rate": given["learning_rate"], "server_momentum": given["momentum"]},
    ),
    "fedadam": ("FedAdam", _adaptive),
    "fedyogi": ("FedYogi", _adaptive),
    "median": ("FedMedian", lambda given: {}),
    "trimmed_mean": ("FedTrimmedAvg", lambda given: {"beta": given["cut"]}),
    "krum": ("Krum", lambda given: {"num_malicious_clients": int(given["byzantine"])}),
    "multi_krum": (
        "Krum",
        lambda given: {"num_malicious_clients": int(given["byzantine"]), "num_clients_to_keep": int(given["kept"])},
    ),
}
"""Their class and its arguments, by our name and of our parameters."""


class Rounds(NamedTuple):
    """What came of each round, [rounds, n], the seconds of each, and the memory above that before the arrays, MiB."""

    weights: NDArray[np.floating[Any]]
    seconds: list[float]
    mib: float


def run(
    name: str,
    given: Given | None,
    parent: NDArray[np.float32],
    rounds: NDArray[np.float32],
    examples: NDArray[np.int64],
    bare: bool = False,
) -> Rounds:
    """Let Flower aggregate.

    Args:
        name: ours, one of ``THEIRS``.
        given: all our parameters of it; None for Flower's defaults.
        parent: float32 [n], before the first round.
        rounds: float32 [rounds, members, n].
        examples: int64 [rounds, members].
        bare: hand it the arrays and not, as from the network, their bytes.
    """
    theirs, arguments = THEIRS[name]
    with tempfile.TemporaryDirectory(prefix="fedlog-flower-") as folder:
        np.save(Path(folder) / "parent.npy", parent)
        np.save(Path(folder) / "rounds.npy", rounds)
        np.save(Path(folder) / "examples.npy", examples)
        task = {"folder": folder, "name": theirs, "arguments": arguments(given) if given else {}, "bare": bare}
        argv = [Settings().python("flower"), str(Path(__file__).with_name("in_flower.py")), json.dumps(task)]
        environment = {**os.environ, "FLWR_TELEMETRY_ENABLED": "0"}
        done = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
        cost = json.loads(done.stdout)
        return Rounds(np.load(Path(folder) / "weights.npy"), cost["seconds"], cost["mib"])
