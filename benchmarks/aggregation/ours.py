"""One strategy on one window, in a process of its own so that its memory is nobody else's."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.aggregation.fleet import Window, parent
from forecaster.config import Config
from forecaster.knowledge import learned, parts
from forecaster.strategies import named
from forecaster.strategies.selection import MANY

MIB = 2**20


class Cost(NamedTuple):
    """Of one window.

    Attributes:
        seconds: of aggregation alone, wall clock.
        decoding_s: of checking the updates' bytes and seeing them as arrays, beside that.
        mib: the largest resident set during it, above the one before.
    """

    seconds: float
    decoding_s: float
    mib: float


def run(name: str, parameters: Mapping[str, float], devices: int) -> Cost:
    """What it takes."""
    argv = [sys.executable, "-m", __name__, name, json.dumps(parameters), str(devices)]
    return Cost(*json.loads(subprocess.run(argv, check=True, capture_output=True).stdout))


def measured(name: str, parameters: Mapping[str, float], devices: int) -> Cost:
    """The same, in this process."""
    config = Config()
    start = parent(config)
    some = min(MANY, devices)
    # What is compiled or imported once.
    first = named(name, {**parameters, **fewer(parameters, some / devices)}, learned(config), parts(config))
    first.update(first.init(start), start, Window(config, some))
    strategy, window = named(name, parameters, learned(config), parts(config)), Window(config, devices)
    state = strategy.init(start)
    before = forget_peak()
    begin = time.perf_counter()
    strategy.update(state, start, window)
    seconds = time.perf_counter() - begin - window.making - window.decoding
    return Cost(seconds, window.decoding, peak() - before)


def fewer(given: Mapping[str, float], part: float) -> dict[str, float]:
    """Those parameters that are numbers of members, for a part of them."""
    return {key: float(int(given[key] * part)) for key in ("byzantine", "kept") if key in given}


def forget_peak() -> float:
    """Let the kernel measure the largest resident set anew; the one of now, MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """The largest resident set since, MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))))
