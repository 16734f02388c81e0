"""One device's readings judged bin by bin: alarms that are false at a rate that is set, with a sensor and a kind."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.anomalies import evidence, tails, usual
from forecaster.anomalies.evidence import APART, BATTERY, HALF, HOUR, WATCHED, Evidence, Past
from forecaster.anomalies.tails import Tails
from forecaster.anomalies.usual import Usual
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config, Detection

KINDS = ("none", "spike", "drift", "stuck", "noise")
SPIKE, DRIFT, STUCK, NOISE = 1, 2, 3, 4
SHARES = (0.015, 0.015, 0.015, 0.015, 0.06, 0.08, 0.11, 0.11, 0.58)
"""Of the false alarms, for each kind of evidence: lone and spread of both sensors, half hour, hour, runs of both, and
vapour and battery at once. Where there is no battery to ask, its share is the vapour's."""
BOTH = 8


class Shared(NamedTuple):
    """What a device tells the fleet, and as the mean of many, the fleet a device; a tree of float32 arrays."""

    usual: Usual
    tails: Tails


class Drift(NamedTuple):
    """Of the vapour and perhaps of the temperature.

    Attributes:
        going: bool [], whether one is under way.
        base: float32 [2], the vapour that it left.
        since: int32 [], number of the bin it began at.
        warm: bool [], whether the battery has said so too.
    """

    going: jax.Array
    base: jax.Array
    since: jax.Array
    warm: jax.Array


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
    drift = Drift(jnp.array(False), jnp.full(2, jnp.nan), jnp.int32(0), jnp.array(False))
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
    doubtful = jnp.where(jnp.isfinite(strange[APART]), jnp.minimum(strange[:4], strange[APART]), strange[:4])
    both = jnp.where(found.agreed, jnp.minimum(strange[HOUR], strange[BATTERY]), strange[HOUR] * strange[BATTERY] * 0)
    strange = jnp.concatenate([doubtful, strange[HALF:APART], found.run, both[None]])
    probability = tails.probability(tails.survival(own.tails, fleet.tails), strange)
    probability = jnp.where(tails.seen(own.tails, fleet.tails) >= config.day, probability, jnp.nan)
    alone = jnp.zeros(tails.KINDS).at[HALF].set(0.4).at[HOUR].set(0.6) * SHARES[BOTH]
    shares = jnp.array(SHARES) + jnp.where(jnp.isfinite(found.sizes[BATTERY]), 0.0, alone)
    allowed = detection.false_alarms * detection.bins / config.day * shares
    hit = probability < allowed

    drift, away = _drifted(config, detection, state.drift, number, past, found, hit, size)
    verdict = _verdict(hit, drift, away, found.sizes, probability)
    on = hit | (jnp.isin(jnp.arange(tails.KINDS), jnp.array([HALF, HOUR, BOTH])) & drift.going)
    lasting = jnp.where(on, state.on + 1, jnp.maximum(state.on - 1, 0))
    # An episode is learned from with its first bin only; what lasts longer than faults do is how things are now.
    news = ~on | (state.on == 0) | (lasting > detection.accepted)
    kept = jnp.concatenate([news[:6], news[:4].all()[None], news[BOTH:]])
    learned = usual.learn(
        config,
        detection.days,
        own.usual,
        at,
        jnp.where(kept, found.sizes, jnp.nan),
        _bound(own.usual, fleet.usual, at[1], size),
    )
    # Only what is held against a day or more of its own says how often such evidence comes.
    seen = usual.seen(own.usual, at[1])[:6] >= 20
    sure = jnp.concatenate([seen, jnp.ones(WATCHED + 1, bool)])
    counted = jnp.where(news & sure, strange, jnp.nan)
    told = tails.learn(own.tails, fleet.tails, counted, hit & (state.on == 0), allowed, config.day, detection.days)
    trusted = ~verdict.alarm.any() | (lasting.max() > detection.accepted)
    past = evidence.remember(config, past, found, trusted, size)
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
    found: Evidence,
    hit: jax.Array,
    size: jax.Array,
) -> tuple[Drift, jax.Array]:
    """The drift after a bin, and how far the bin is from what it left, float32 [2].

    It lasts until the vapour is back where it was, or temperature back with the battery, where that had told: what came
    before, not the hour before, is what it is held against.
    """
    begins = ~drift.going & (hit[HALF] | hit[HOUR] | hit[BOTH]) & ~hit[:4].any()
    hour, half = past.vapour[2 * config.half_hour], past.vapour[config.half_hour]
    base = jnp.where(drift.going, drift.base, jnp.where(jnp.isfinite(hour.sum()), hour, half))
    away = found.vapour - base
    warm = (drift.going & drift.warm) | hit[BOTH]
    since = jnp.where(drift.going, drift.since, number)
    back = jnp.abs(away.sum()) < detection.release * size[HOUR]
    back |= warm & (found.sizes[BATTERY] < size[BATTERY])
    goes_on = drift.going & ~back & (number - since < detection.patience)
    going = begins | goes_on
    return Drift(going, base, since, warm & going), away


def _verdict(hit: jax.Array, drift: Drift, away: jax.Array, sizes: jax.Array, probability: jax.Array) -> Verdict:
    lone, spread, stuck = hit[:2], hit[2:4], hit[6:BOTH]
    # One reading stands out of a calm bin, or the whole bin is restless.
    single = sizes[:2] > 2 * jnp.nan_to_num(sizes[2:4], nan=jnp.inf)
    sharp = jnp.where(spread & ~single, NOISE, jnp.where(lone | spread, SPIKE, 0))
    kind = jnp.where(stuck, STUCK, sharp)
    drifting = drift.going & (jnp.arange(WATCHED) == jnp.argmax(jnp.abs(away)))
    kind = jnp.where((kind == 0) & drifting, DRIFT, kind)
    vapour = jnp.fmin(probability[HALF], probability[HOUR])
    rarest = jnp.stack(
        [
            probability[:2],
            probability[2:4],
            jnp.stack([jnp.fmin(vapour, probability[BOTH]), vapour]),
            probability[6:BOTH],
        ]
    )
    score = -jnp.log10(jnp.nanmin(rarest, axis=0))
    rest = len(SENSORS) - WATCHED
    return Verdict(
        jnp.concatenate([score, jnp.full(rest, jnp.nan)]),
        jnp.concatenate([kind > 0, jnp.zeros(rest, bool)]),
        jnp.concatenate([kind, jnp.zeros(rest, kind.dtype)]),
    )
