"""All versions of the global model, as far as the API shows them without reading the log: a pure fold.

What grows with the fleet (contributions) and with the network (weights) stays on the log, where each version's place is
known; only the newest versions' weights, which devices ask for, are at hand.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import NamedTuple

from aggregator_stream.tally import Tally, counted
from schemas.events import GlobalModel, HorizonError

KEPT = 32
"""Newest versions whose weights are at hand."""


class Placed(NamedTuple):
    """A model's event and where it lies in ``global_models``."""

    model: GlobalModel
    partition: int
    offset: int


class Version(NamedTuple):
    """What is kept of a version, 1 to 2 KB.

    Attributes:
        event: without weights, contributions, errors and those of its evaluations, the strategy's state and offsets.
        contributors: updates with a share in its weights.
        scored: sensor and horizon of each error; versions with the same ones share it.
        numbers: count, error and persistence's error of each.
        digest: SHA-256 of the weights, hexadecimal.
        size: of the weights, bytes.
        partition: of ``global_models``.
        offset: there.
    """

    event: GlobalModel
    contributors: int
    scored: tuple[tuple[str, int], ...]
    numbers: "array[float]"
    digest: str
    size: int
    partition: int
    offset: int

    @property
    def errors(self) -> tuple[HorizonError, ...]:
        """The event's errors."""
        counts, maes, persistences = (self.numbers[n::3] for n in range(3))
        rows = zip(self.scored, counts, maes, persistences, strict=True)
        return tuple(HorizonError(sensor, ms, int(count), *found) for (sensor, ms), count, *found in rows)


class Catalogue(NamedTuple):
    """The state of the fold.

    Attributes:
        versions: by number.
        order: their numbers, ascending.
        weights: safetensors of the newest ``KEPT`` versions, by number.
        tally: what became of windows, updates and versions.
    """

    versions: Mapping[int, Version] = MappingProxyType({})
    order: tuple[int, ...] = ()
    weights: Mapping[int, bytes] = MappingProxyType({})
    tally: Tally = Tally()

    @property
    def newest(self) -> Version | None:
        """The version with the highest number."""
        return self.versions[self.order[-1]] if self.order else None


def extended(catalogue: Catalogue, events: Iterable[Placed]) -> Catalogue:
    """The catalogue with more events in it, in any order; of a version that appears twice the first is the fact.

    One call copies the table of versions once (under 1 ms for 10,000), however many events it takes.
    """
    versions, weights = dict(catalogue.versions), dict(catalogue.weights)
    tally = catalogue.tally
    for placed in events:
        model = placed.model
        if model.version in versions:
            continue
        versions[model.version] = _kept(placed)
        weights[model.version] = model.weights
        if len(weights) > KEPT:
            del weights[min(weights)]
        tally = counted(tally, model)
    return Catalogue(versions, tuple(sorted(versions)), weights, tally)


def page(catalogue: Catalogue, limit: int, before: int | None = None) -> list[Version]:
    """Up to ``limit`` versions with numbers below ``before``, newest first."""
    end = len(catalogue.order) if before is None else bisect_left(catalogue.order, before)
    return [catalogue.versions[number] for number in reversed(catalogue.order[max(end - limit, 0) : end])]


def stood_on(catalogue: Catalogue) -> Version | None:
    """The version whose window made the weights that everybody stands on; ``None`` before the first."""
    newest = catalogue.newest
    found = catalogue.versions.get(newest.event.stands_on) if newest else None
    while found and found.event.promotion == "unchanged":
        parent = catalogue.versions.get(found.event.parent_version)
        # One that names no older version would lead round in a circle.
        found = parent if parent and parent.event.version < found.event.version else None
    return found


def _kept(placed: Placed) -> Version:
    model = placed.model
    return Version(
        _lean(model),
        sum(c.coefficient > 0 for c in model.contributions),
        _same(tuple((error.sensor, error.horizon_ms) for error in model.errors)),
        array("d", [number for e in model.errors for number in (e.count, e.mae, e.persistence_mae)]),
        hashlib.sha256(model.weights).hexdigest(),
        len(model.weights),
        placed.partition,
        placed.offset,
    )


def _lean(model: GlobalModel) -> GlobalModel:
    """The event without what is large; equal texts and settings of many versions are one object."""
    return model._replace(
        model=intern(model.model),
        strategy=intern(model.strategy),
        strategy_parameters=_settings(tuple(model.strategy_parameters.items())),
        architecture=intern(model.architecture),
        promotion=intern(model.promotion),
        dataset=intern(model.dataset),
        rules=_settings(tuple(model.rules.items())),
        weights=b"",
        contributions=(),
        errors=(),
        decisions=tuple(d._replace(state=intern(d.state), by=intern(d.by)) for d in model.decisions),
        evaluations=tuple(said._replace(errors=()) for said in model.evaluations),
        resume_offsets={},
        command_offsets={},
        server_state=b"",
    )


@lru_cache(maxsize=64)
def _settings(items: tuple[tuple[str, float], ...]) -> dict[str, float]:
    return dict(items)


@lru_cache(maxsize=64)
def _same(scored: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return scored
