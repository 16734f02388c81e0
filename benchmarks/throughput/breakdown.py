"""Where a trainer's time goes: the parts of its work on one device's batches, each by itself, in one process.

XLA is the compiled course of a batch with what crosses into it and back; events are binning, tallies and columns around
it; state is the device's, pickled and read again.
"""

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.faults import Readings as Stream
from benchmarks.quality.grids import readings
from flink_training.device import Device, Readings, step
from forecaster import binning, course
from forecaster.binning import Columns
from forecaster.config import Config
from forecaster.course import Bins
from forecaster.vectors import Vectors
from infra.threads import ONE_THREAD
from producers.dataset import prepare

BATCH = 400
"""Readings of a device in a batch, about as many as a second brings at full speed."""
DEVICES = 4


def run(data: Path) -> dict[str, float]:
    """Microseconds of CPU for each reading, in a process set up as Flink's workers are."""
    environment = {**os.environ, **ONE_THREAD}
    argv = [sys.executable, "-m", __name__, str(data)]
    parts: dict[str, float] = json.loads(subprocess.run(argv, env=environment, check=True, capture_output=True).stdout)
    return parts


def measured(data: Path) -> dict[str, float]:
    """The same, in this process."""
    config = Config()
    with tempfile.TemporaryDirectory(prefix="fedlog-bench-") as cache:
        stream = readings(prepare(data, data.name, Path(cache)))
    batches = [list(_batches(stream, device)) for device in range(DEVICES)]
    count = sum(len(batch.columns.offsets) for some in batches for batch in some)
    devices = [_steps(config, some) for some in batches]  # compiled by now
    whole = _timed(lambda: [_steps(config, some) for some in batches])
    taken = [list(_taken(config, some)) for some in batches]
    compiled = _timed(lambda: [_courses(config, some) for some in taken])
    kept = [(pickle.dumps(one), one) for one, some in zip(devices, batches, strict=True) for _ in some]
    state = _timed(lambda: [(pickle.loads(data), pickle.dumps(one)) for data, one in kept])  # noqa: S301  # our own
    seconds = {"xla": compiled, "events": whole - compiled, "state": state}
    return {name: part / count * 1e6 for name, part in seconds.items()}


def _batches(stream: Stream, device: int) -> Iterator[Readings]:
    own = np.flatnonzero(stream.devices == device)
    for begin in range(0, len(own), BATCH):
        at = own[begin : begin + BATCH]
        yield Readings("mote", "bench", 0, Columns(stream.event_times[at], stream.values[at], at))


def _steps(config: Config, batches: list[Readings]) -> Device:
    device = Device()
    for batch in batches:
        device, _ = step(config, device, batch, {})
    return device


def _courses(config: Config, taken: list[Bins]) -> Vectors:
    """Only what is compiled, on the same bins."""
    learner, slot, labels = course.begin(config), 0, 0
    for part in taken:
        went = course.run(config, learner, slot, labels, part, [[]])
        learner, slot, labels = went.learner, went.slot, went.labels
    return learner


def _taken(config: Config, batches: list[Readings]) -> Iterator[Bins]:
    opened = None
    for batch in batches:
        opened, closed, _ = binning.fold(opened, batch.columns, config.bin_ms)
        while len(closed.numbers):
            zeros = np.zeros(len(closed.numbers), np.int64)
            many = course.room(config, 0, closed.numbers, zeros)
            yield Bins(
                closed.numbers[:many],
                closed.summaries[:many].astype(np.float32),
                zeros[:many],
                zeros[:0],
                zeros[:0] > 0,
            )
            closed = closed.part(many)


def _timed(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(Path(sys.argv[1]))))
