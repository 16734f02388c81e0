"""A window of many devices' updates, each made when it is its turn, the same for whoever asks."""

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.knowledge import flat, initial
from forecaster.strategies import Member
from forecaster.weights import flat_from_bytes, flat_to_bytes

SPREAD = 0.1
"""Standard deviation of every number's move from the parent."""


def parent(config: Config) -> NDArray[np.float32]:
    """What all devices start from, float32 [n]."""
    return np.asarray(flat(initial(config)))


def weights(start: NDArray[np.float32], device: int) -> NDArray[np.float32]:
    """One device's, float32 [n]."""
    random = np.random.default_rng(device)
    return start + np.float32(SPREAD) * random.standard_normal(start.size, np.float32)


def examples(device: int) -> int:
    """What it learned from."""
    return 1 + device % 97


class Window:
    """Members that come one by one, as from the log, and how long making and decoding them has taken, s."""

    def __init__(self, config: Config, devices: int) -> None:
        self.config, self.devices = config, devices
        self.making = self.decoding = 0.0

    def __iter__(self) -> Iterator[Member]:
        start = parent(self.config)
        for device in range(self.devices):
            begin = time.perf_counter()
            data = flat_to_bytes(self.config, weights(start, device))
            made = time.perf_counter()
            member = Member(f"mote-{device:05}/7", flat_from_bytes(self.config, data), examples(device))
            self.making += made - begin
            self.decoding += time.perf_counter() - made
            yield member
