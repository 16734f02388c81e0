"""What values a strategy's parameters may have: what is still what it is as float32, in which it computes."""

import math

import numpy as np

# As Python's: beside a float32, NumPy would make the value one first.
SMALLEST, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
LARGEST_WHOLE = 2**53
"""Up to which every whole number is one as float64, in which parameters are recorded."""


def positive(name: str, value: float) -> float:
    """The value.

    Raises:
        ValueError: it is not a positive number that float32 has.
    """
    if not SMALLEST <= value <= LARGEST:
        raise ValueError(f"{name} {value} is not a positive number from {SMALLEST:.2g} to {LARGEST:.2g}")
    return float(value)


def decay(name: str, value: float) -> float:
    """The value, of what is left of something after a window.

    Raises:
        ValueError: it is not in [0, 1), or rounds to 1 as float32.
    """
    if not 0 <= np.float32(value) < 1:
        raise ValueError(f"{name} {value} is not in [0, 1)")
    return float(value)


def whole(name: str, value: float, least: int) -> float:
    """The value, of something that is counted.

    Raises:
        ValueError: it is not a whole number, less than ``least``, or more than ``LARGEST_WHOLE``.
    """
    if not least <= value <= LARGEST_WHOLE or value != math.floor(value):
        raise ValueError(f"{name} {value} is not a whole number from {least} to 2^53")
    return float(value)
