"""Flower's own strategies on given arrays: a script for the Python that has ``flwr``, whose pins exclude ours.

It imports nothing of Fedlog; ``benchmarks.aggregation.flower`` starts it and says what is in its one argument.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"  # before the import: nothing may leave this machine

from flwr.common import Code, FitRes, Parameters, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.compat.common import parameter
from flwr.server import strategy


def main(folder: Path, name: str, arguments: dict[str, Any], bare: bool) -> None:
    """Aggregate round after round; write what came of each, and tell how long it took and how much memory."""
    if bare:  # what is timed is aggregation, of arrays as they are
        parameter.bytes_to_ndarray = parameter.ndarray_to_bytes = lambda array: array
    given = np.load(folder / "examples.npy")
    initial = {"initial_parameters": ndarrays_to_parameters([np.load(folder / "parent.npy")])}
    server = getattr(strategy, name)(**arguments, **initial)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before, seconds, weights = _peak(), [], []
    for number, rows in enumerate(np.load(folder / "rounds.npy"), start=1):
        results = [(None, _result(row, int(count))) for row, count in zip(rows, given[number - 1], strict=True)]
        begin = time.perf_counter()
        aggregated, _ = server.aggregate_fit(number, results, [])
        seconds.append(time.perf_counter() - begin)
        weights.append(parameters_to_ndarrays(aggregated)[0])
    sys.stdout.write(json.dumps({"seconds": seconds, "mib": _peak() - before}))
    np.save(folder / "weights.npy", np.stack(weights))


def _result(row: Any, examples: int) -> Any:
    """As from one client."""
    sent = ndarrays_to_parameters([row])
    return FitRes(Status(Code.OK, ""), Parameters(sent.tensors, sent.tensor_type), examples, {})


def _peak() -> float:
    """The largest resident set, MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    main(Path(task["folder"]), task["name"], task["arguments"], task["bare"])
