"""A whole window as one matrix, for strategies that look at all members together."""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from forecaster.strategies.contract import Member, Share, sound

Piece = TypeVar("Piece")
Found = TypeVar("Found")
COLUMNS = 64
"""Taken at a time, so that what is computed on the way stays small beside the matrix."""


class Window(NamedTuple):
    """Members in the order of their ids, whatever order they came in.

    Attributes:
        ids: of the updates.
        rows: float32 [members, n].
        discounts: float64 [members].
    """

    ids: list[str]
    rows: NDArray[np.float32]
    discounts: NDArray[np.float64]


def read(parent: NDArray[np.float32], members: Iterable[Member]) -> Window:
    """The window of ``contract.sound`` members, kept once."""
    ids: list[str] = []
    discounts: list[float] = []
    rows = np.empty((0, parent.size), np.float32)
    for member in members:
        if len(ids) == len(rows):
            # In place, where the kernel moves pages and copies nothing. By an eighth: what is too much is memory too.
            rows.resize((len(rows) + len(rows) // 8 + 16, parent.size), refcheck=False)
        rows[len(ids)] = member.weights
        ids.append(member.update_id)
        discounts.append(member.discount)
    rows.resize((len(ids), parent.size), refcheck=False)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    if order != list(range(len(ids))):
        for columns in blocks(parent.size):
            rows[:, columns] = rows[order, columns]
    return Window([ids[at] for at in order], rows, np.array(discounts, np.float64)[order])


def shares(window: Window, parts: NDArray[np.float64]) -> dict[str, Share]:
    """The members' shares, as large as their ``parts`` [members] are beside each other."""
    parts = parts / parts.sum()
    return {update_id: Share(float(part)) for update_id, part in zip(window.ids, parts, strict=True)}


def shrunk(parent: NDArray[np.float32], members: Iterable[Member]) -> Iterator[Member]:
    """The members with their move from the parent times their discount, for strategies that weigh nobody.

    Raises:
        MemberError: as ``contract.sound``.
    """
    for member in sound(parent, members):
        if member.discount == 1:
            yield member
        else:
            yield member._replace(weights=nearer(parent, member.weights, member.discount), discount=1.0)


def nearer(parent: NDArray[np.float32], weights: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """``parent + scale * (weights - parent)``, float32 [n], rounded once."""
    start = parent.astype(np.float64)
    return (start + scale * (weights - start)).astype(np.float32)


def blocks(size: int, length: int = COLUMNS) -> Iterator[slice]:
    """Slices of ``length`` that cover ``size``."""
    return (slice(start, min(start + length, size)) for start in range(0, size, length))


def each(function: Callable[[Piece], Found], pieces: Iterable[Piece]) -> list[Found]:
    """What comes of each piece, in their order, on all cores.

    Numpy lets go of the interpreter while it computes. Its matrix products bring threads of their own, which wait for
    each other busily and are in the way of these: they are kept to one.
    """
    with _products().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(function, pieces))


@functools.cache
def _products() -> ThreadpoolController:
    return ThreadpoolController()
