"""One device's readings judged bin by bin: alarms that are false at a rate that is set, with a sensor and a kind."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.anomalies import evidence, tails, usual
from forecaster.anomalies.evidence import WATCHED, Past
from forecaster.anomalies.tails import Tails
from forecaster.anomalies.usual import Usual
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config, Detection

KINDS = ("none", "spike", "drift", "stuck", "noise")
SPIKE, DRIFT, STUCK, NOISE = 1, 2, 3, 4
SHARES = (0.06, 0.06, 0.06, 0.06, 0.30, 0.38, 0.04, 0.02)
"""Of the false alarms, for each kind of evidence: lone and spread of both sensors, half hour, hour, runs of both."""


class Shared(NamedTuple):
    """What a device tells the fleet, and as the mean of many, the fleet a device; a tree of float32 arrays."""

    usual: Usual
    tails: Tails


class Drift(NamedTuple):
    """Whether one is under way, bool []; what it left, float32 [2]; the number of the bin it began at, int32 []."""

    going: jax.Array
    base: jax.Array
    since: jax.Array


class State(NamedTuple):
    """Everything a device's detector needs to go on; ``on`` is for how many bins each evidence has had an alarm."""

    own: Shared
    past: Past
    drift: Drift
    on: jax.Array


class Verdict(NamedTuple):
    """On one bin, by sensor; light and voltage, which people switch and use up, are not judged.

    Attributes:
        score: float32 [sensors], minus the decimal logarithm of the share of past bins with as much evidence, of the
            kind that is rarest; NaN where there is none, or less than a day to compare with.
        alarm: bool [sensors]
        kind: int32 [sensors], place in ``KINDS``.
    """

    score: jax.Array
    alarm: jax.Array
    kind: jax.Array


def nothing() -> Shared:
    """What is known before the first bin."""
    return Shared(usual.empty(), tails.empty())


def init(config: Config) -> State:
    """A device before its first bin."""
    drift = Drift(jnp.array(False), jnp.full(2, jnp.nan), jnp.int32(0))
    return State(nothing(), evidence.beginning(config), drift, jnp.zeros(tails.KINDS, jnp.int32))


def update(config: Config, state: State, number: jax.Array, summary: Summary, fleet: Shared) -> tuple[State, Verdict]:
    """Judge one bin, then learn from it.

    Args:
        config: static.
        state: before.
        number: int32 [], of the bin, counted since 1970; later than the one before.
        summary: of the bin; counts int32 [sensors], the rest float32 [sensors].
        fleet: what all devices have told, ``nothing()`` where there is none.
    """
    detection = config.detection
    past, found = evidence.look(config, state.past, number, summary)
    at = usual.slot(config, number)
    own = state.own
    size = usual.size(own.usual, fleet.usual, at[1])
    strange = found.sizes / size
    # Air that changes is strange in both sensors and not in its vapour pressure, where that can be told.
    doubtful = jnp.where(jnp.isfinite(strange[6]), jnp.minimum(strange[:4], strange[6]), strange[:4])
    strange = jnp.concatenate([doubtful, strange[4:6], found.run])
    probability = tails.probability(tails.survival(own.tails, fleet.tails), strange)
    probability = jnp.where(tails.seen(own.tails, fleet.tails) >= config.day, probability, jnp.nan)
    allowed = detection.false_alarms * detection.bins / config.day * jnp.array(SHARES)
    hit = probability < allowed

    drift, away = _drifted(config, detection, state.drift, number, past, found.vapour, hit, size[5])
    verdict = _verdict(hit, drift, away, found.sizes, probability)
    on = hit | jnp.zeros(tails.KINDS, bool).at[4:6].set(drift.going)
    lasting = jnp.where(on, state.on + 1, jnp.maximum(state.on - 1, 0))
    # An episode is learned from with its first bin only; what lasts longer than faults do is how things are now.
    news = ~on | (state.on == 0) | (lasting > detection.accepted)
    kept = jnp.concatenate([news[:6], news[:4].all()[None]])
    learned = usual.learn(
        config,
        detection.days,
        own.usual,
        at,
        jnp.where(kept, found.sizes, jnp.nan),
        _bound(own.usual, fleet.usual, at[1], size),
    )
    # Only what is held against a day or more of its own says how often such evidence comes.
    sure = jnp.concatenate([usual.seen(own.usual, at[1])[:6] >= 20, jnp.ones(WATCHED, bool)])
    counted = jnp.where(news & sure, strange, jnp.nan)
    told = tails.learn(own.tails, fleet.tails, counted, hit & (state.on == 0), allowed, config.day, detection.days)
    past = evidence.remember(past, found.vapour, ~verdict.alarm.any())
    return State(Shared(learned, told), past, drift, lasting), verdict


def _bound(own: Usual, fleet: Usual, at: jax.Array, size: jax.Array) -> jax.Array:
    """The largest size that is learned from; any, where there is nothing to compare with yet."""
    known = usual.seen(own, at) + usual.seen(fleet, at) >= 12
    return jnp.where(known, usual.CAP * size, jnp.inf)


def _drifted(
    config: Config,
    detection: Detection,
    drift: Drift,
    number: jax.Array,
    past: Past,
    vapour: jax.Array,
    hit: jax.Array,
    size: jax.Array,
) -> tuple[Drift, jax.Array]:
    """The drift after a bin, and how far the bin is from what it left, float32 [2].

    It lasts until the vapour is back where it was: what came before, not the hour before, is what it is held against.
    """
    begins = ~drift.going & (hit[4] | hit[5]) & ~hit[:4].any()
    hour, half = past.vapour[2 * config.half_hour], past.vapour[config.half_hour]
    base = jnp.where(drift.going, drift.base, jnp.where(jnp.isfinite(hour.sum()), hour, half))
    away = vapour - base
    since = jnp.where(drift.going, drift.since, number)
    back = jnp.abs(away.sum()) < detection.release * size
    goes_on = drift.going & ~back & (number - since < detection.patience)
    return Drift(begins | goes_on, base, since), away


def _verdict(hit: jax.Array, drift: Drift, away: jax.Array, sizes: jax.Array, probability: jax.Array) -> Verdict:
    lone, spread, stuck = hit[:2], hit[2:4], hit[6:8]
    # One reading stands out of a calm bin, or the whole bin is restless.
    single = sizes[:2] > 2 * jnp.nan_to_num(sizes[2:4], nan=jnp.inf)
    sharp = jnp.where(spread & ~single, NOISE, jnp.where(lone | spread, SPIKE, 0))
    kind = jnp.where(stuck, STUCK, sharp)
    drifting = drift.going & (jnp.arange(WATCHED) == jnp.argmax(jnp.abs(away)))
    kind = jnp.where((kind == 0) & drifting, DRIFT, kind)
    rarest = jnp.stack(
        [probability[:2], probability[2:4], jnp.full(WATCHED, jnp.fmin(*probability[4:6])), probability[6:]]
    )
    score = -jnp.log10(jnp.nanmin(rarest, axis=0))
    rest = len(SENSORS) - WATCHED
    return Verdict(
        jnp.concatenate([score, jnp.full(rest, jnp.nan)]),
        jnp.concatenate([kind > 0, jnp.zeros(rest, bool)]),
        jnp.concatenate([kind, jnp.zeros(rest, kind.dtype)]),
    )
