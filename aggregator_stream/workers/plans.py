"""What is asked of workers, and what they answer: pure.

A window's members are divided by the partition of ``local_updates`` that they lie in. Whoever reads a plan sums its
members up; sums are exact, so that put together they are to the byte what one worker alone comes to.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forecaster import knowledge, weights
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.strategies import Member, Part, Share, Strategy, merged, named
from forecaster.strategies.exact import Sums
from schemas.events import LocalUpdate, PartShare, Summand, WindowPart, WindowPlan


class PlanError(ValueError):
    """A plan that cannot be followed, or a part that does not answer it."""


class Asked(NamedTuple):
    """A window to be summed up.

    Attributes:
        model: name of the model.
        version: that the window will make.
        window_end: ms.
        strategy: that sums it up.
        parent: what the version is made from, float32 [n].
        summands: by partition.
        updates: of the summands, by update_id.
    """

    model: str
    version: int
    window_end: int
    strategy: Strategy
    parent: NDArray[np.float32]
    summands: Mapping[int, Sequence[Summand]]
    updates: Mapping[str, LocalUpdate]


Gather = Callable[[Asked], Part]
"""Sums a window up, wherever that is done."""


def plans(config: Config, asked: Asked) -> list[WindowPlan]:
    """One for each partition that has a member."""
    made = (
        WindowPlan(
            plan_id="",
            model=asked.model,
            version=asked.version,
            window_end=asked.window_end,
            strategy=asked.strategy.name,
            strategy_parameters=dict(asked.strategy.parameters),
            architecture=architecture(config),
            parent=weights.flat_to_bytes(config, asked.parent),
            partition=partition,
            summands=tuple(summands),
        )
        for partition, summands in sorted(asked.summands.items())
    )
    return [plan._replace(plan_id=_id(plan)) for plan in made]


def _id(plan: WindowPlan) -> str:
    """What it says is in its id: an answer to a plan that a crash has made another one is no answer to this."""
    said = repr((plan.window_end, plan.strategy, sorted(plan.strategy_parameters.items()), plan.summands)).encode()
    digest = hashlib.sha256(said + plan.architecture.encode() + plan.parent).hexdigest()
    return f"{plan.model}/{plan.version}/{plan.partition}/{digest[:16]}"


def answer(config: Config, plan: WindowPlan, updates: Mapping[int, LocalUpdate]) -> WindowPart:
    """What a plan's members come to, from the ``updates`` of its partition by offset.

    Raises:
        PlanError: another architecture than ours, a strategy that must see all members together, or an update is not
            where the plan says.
        ValueError: no such strategy.
        WeightsError: what is not weights of the architecture.
    """
    if plan.architecture != architecture(config):
        raise PlanError(f"{plan.plan_id}: architecture {plan.architecture} is not {architecture(config)}")
    strategy = named(plan.strategy, plan.strategy_parameters, knowledge.learned(config), knowledge.parts(config))
    if not strategy.gather:
        raise PlanError(f"{plan.plan_id}: {plan.strategy} must see all members together")
    for summand in plan.summands:
        found = updates.get(summand.offset)
        if found is None or found.update_id != summand.update_id:
            place = f"local_updates/{plan.partition}/{summand.offset}"
            raise PlanError(f"{plan.plan_id}: {summand.update_id} is not at {place}")
    by_id = {update.update_id: update for update in updates.values()}
    part = strategy.gather(weights.flat_from_bytes(config, plan.parent), members(config, plan.summands, by_id))
    return WindowPart(
        plan_id=plan.plan_id,
        model=plan.model,
        version=plan.version,
        window_end=plan.window_end,
        partition=plan.partition,
        sums=save({"values": part.sums.values, "weight": part.sums.weight}),
        shares=tuple(PartShare(name, *share) for name, share in part.shares.items()),
    )


def part_of(plan: WindowPlan, answered: WindowPart, size: int) -> Part:
    """An answer as a strategy takes it.

    Raises:
        PlanError: it does not answer the plan.
    """
    if {share.update_id for share in answered.shares} != {summand.update_id for summand in plan.summands}:
        raise PlanError(f"{answered.plan_id}: its members are not the plan's")
    try:
        arrays = load(answered.sums)
    except SafetensorError as error:
        raise PlanError(f"{answered.plan_id}: not safetensors: {error}") from error
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    if shapes != {"values": ((2, size), np.float64), "weight": ((2,), np.float64)}:
        raise PlanError(f"{answered.plan_id}: sums are {shapes}")
    sums = Sums(arrays["values"], arrays["weight"])
    return Part(sums, {share.update_id: Share(*share[1:]) for share in answered.shares})


def here(config: Config, asked: Asked, partitions: Iterable[int]) -> Part:
    """The same in this process, for some of the partitions."""
    assert asked.strategy.gather is not None
    parts = (members(config, asked.summands[partition], asked.updates) for partition in partitions)
    return merged(asked.strategy.gather(asked.parent, part) for part in parts)


def members(config: Config, summands: Iterable[Summand], updates: Mapping[str, LocalUpdate]) -> Iterable[Member]:
    """The summands, each one's weights read when it is its turn."""
    for update_id, _, examples, discount in summands:
        numbers = weights.flat_from_bytes(config, updates[update_id].weights)
        yield Member(update_id, numbers, examples, discount)


def by_partition(places: Iterable[tuple[int, Summand]]) -> dict[int, list[Summand]]:
    """Summands by the partition that each lies in."""
    grouped: defaultdict[int, list[Summand]] = defaultdict(list)
    for partition, summand in places:
        grouped[partition].append(summand)
    return dict(grouped)
