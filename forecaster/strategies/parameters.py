"""What values a strategy's parameters may have."""

import math


def positive(name: str, value: float) -> float:
    """The value.

    Raises:
        ValueError: it is not a positive number.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} {value} is not a positive number")
    return float(value)


def whole(name: str, value: float, least: int) -> float:
    """The value, of something that is counted.

    Raises:
        ValueError: it is not a whole number, or less than ``least``.
    """
    if not value >= least or value != math.floor(value):
        raise ValueError(f"{name} {value} is not a whole number from {least}")
    return float(value)
