"""Differential privacy: what one device sent cannot be told from the weights."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.clipping import Clipped, clipped, gathered_clipped
from forecaster.strategies.contract import SPENT, Aggregate, Member, Part, State, Strategy, streaming
from forecaster.strategies.parameters import positive, whole
from forecaster.strategies.weighted import average
from forecaster.strategies.window import nearer


def private_fedavg(norm: float, noise_multiplier: float, delta: float, seed: float) -> Strategy:
    """The plain mean of moves clipped to ``norm``, with Gaussian noise: FedAvg with differential privacy for devices.

    McMahan et al. 2018, Learning Differentially Private Recurrent Language Models, algorithm 1 with all devices in
    every round and all of one weight. The noise of each number has the standard deviation ``noise_multiplier * norm /
    members``; it comes from ``(seed, round)``, so replay is exact. Hence whoever reads the seed can take the noise off:
    what is promised, is promised about readers of the weights who lack the seed. ``noise_multiplier`` 0 only clips, and
    promises nothing: epsilon is infinite.

    ``notes`` are ``epsilon``, ``delta`` and ``round``, the number of the published version among those made here. Those
    that were rejected or rolled back count, for they can be read, and so do those with other parameters: no round comes
    twice, and all of them together are (epsilon, delta) differentially private between a device that sent what it did
    and one that sent the parent each time. Who took part is no secret, for it is recorded. The accountant is Google's
    ``dp-accounting`` with the Gaussian mechanism's Rényi divergences; no sampling amplifies them. State: ``spent``,
    float32 [2], rounds and the noise multiplier of a single one that would cost as much.

    Raises:
        ValueError: ``norm`` is not positive, ``noise_multiplier`` neither 0 nor positive, ``delta`` not in (0, 1),
            ``seed`` not whole.
    """
    positive("norm", norm)
    if noise_multiplier != 0:
        positive("noise_multiplier", noise_multiplier)
    if not 0 < delta < 1:
        raise ValueError(f"delta {delta} is not in (0, 1)")
    whole("seed", seed, 0)

    def gather(parent: NDArray[np.float32], members: Iterable[Member]) -> Part:
        return gathered_clipped(parent, _alike(parent, clipped(parent, members, norm)), norm)

    def finish(state: State, parent: NDArray[np.float32], part: Part) -> tuple[State, Aggregate]:
        aggregate = average(parent, part)
        if not aggregate.shares:
            return state, aggregate
        rounds, together = state[SPENT].tolist()
        number = int(rounds) + 1
        together = joint(together, noise_multiplier) if rounds else below(noise_multiplier)
        scale = noise_multiplier * norm / len(aggregate.shares)
        weights = aggregate.weights + scale * noise(int(seed), number, parent.size)
        notes = {"epsilon": epsilon(together, delta), "delta": float(delta), "round": float(number)}
        return _spent(number, together), Aggregate(weights.astype(np.float32), aggregate.shares, notes)

    parameters = {"norm": norm, "noise_multiplier": noise_multiplier, "delta": delta, "seed": seed}
    parameters = {name: float(value) for name, value in parameters.items()}
    return streaming("private_fedavg", parameters, lambda parent: _spent(0, 0.0), gather, finish)


def _alike(parent: NDArray[np.float32], members: Iterable[Clipped]) -> Iterator[Clipped]:
    """All of weight 1. A discount shortens what is left of a move once it is clipped, so no device moves more."""
    for member, length in members:
        discount = member.discount
        weights = member.weights if discount == 1 else nearer(parent, member.weights, discount)
        yield Clipped(member._replace(weights=weights, examples=1, discount=1.0), length)


def noise(seed: int, number: int, size: int) -> NDArray[np.float64]:
    """Standard normal numbers of a round, float64 [size]."""
    # RandomState's stream is frozen, while that of Generator may change with NumPy (NEP 19).
    return np.random.RandomState(np.random.Philox(key=np.array([seed, number], np.uint64))).standard_normal(size)


def joint(one: float, other: float) -> float:
    """The noise multiplier of a round that costs what two with these cost together.

    Rényi divergences add up, and of Gaussian noise they go with one over its square.
    """
    return below(one * other / math.hypot(one, other)) if one and other else 0.0


def below(value: float) -> float:
    """In float32, in which it travels, and never more: what is spent is not understated."""
    near = np.float32(value)
    return float(near if near <= value else np.nextafter(near, np.float32(0)))


def epsilon(noise_multiplier: float, delta: float) -> float:
    """What a round has cost."""
    # Only here, for whoever takes another strategy need not wait for it nor have it.
    from dp_accounting import GaussianDpEvent
    from dp_accounting.rdp import RdpAccountant

    return float(RdpAccountant().compose(GaussianDpEvent(noise_multiplier)).get_epsilon(delta))


def _spent(rounds: int, together: float) -> State:
    return {SPENT: np.array([rounds, together], np.float32)}
