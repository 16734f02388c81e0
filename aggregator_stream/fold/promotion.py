"""Which version everybody stands on: a pure policy over what devices say of the versions that they judge.

A window's version is a candidate. While the next window runs, devices hold it against the champion on labels that it
has not learned from, and their updates say how it did. Where it is not worse by more than a margin, it is promoted;
else it is rejected, and the next version is made from its parent. So is the champion held against the one before it,
and gone back from where it turns out worse. Every device has one voice, and the one in the middle decides: no few of
them can bring a version up or down.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from aggregator_stream.fold.state import Rules, Standing
from forecaster import trials
from forecaster.config import SENSORS, Config
from schemas.events import Decision, Evaluation, FleetEvaluation, LocalUpdate, PairedError

POLICY = "policy"
DIGITS = 9
"""Behind the point, of a ratio."""
PROMOTED, REJECTED, ROLLED_BACK, PINNED, RELEASED = "promoted", "rejected", "rolled_back", "pinned", "released"


def pooled(rules: Rules, standing: Standing, updates: Iterable[LocalUpdate]) -> tuple[FleetEvaluation, ...]:
    """What the ``updates``, one of each device, say of the versions that may be decided upon, beside the champion."""
    said: defaultdict[int, list[Evaluation]] = defaultdict(list)
    judged = standing.named - {standing.champion}
    for update in updates:
        beside = {e.version: e for e in update.evaluations if e.champion == standing.champion}
        for version in judged & beside.keys():
            said[version].append(beside[version])
    return tuple(_fleets(rules, version, evaluations) for version, evaluations in sorted(said.items()))


def _fleets(rules: Rules, version: int, evaluations: Sequence[Evaluation]) -> FleetEvaluation:
    config = rules.config
    # [devices, 4, horizons, sensors]: labels, and the errors of the version, the champion and persistence.
    figures = np.stack([_figures(config, evaluation) for evaluation in evaluations])
    # No device has more of them in a window, whatever it says.
    figures[:, 0] = np.minimum(figures[:, 0], max(rules.window_ms // config.bin_ms, config.update_bins))
    counts = figures[:, 0]
    ratios = trials.ratio(figures[:, 1], figures[:, 2], counts)
    totals = counts.sum(axis=0)
    means = (figures[:, 1:] * counts[:, None]).sum(axis=0) / np.maximum(totals, 1)
    errors = tuple(
        PairedError(sensor, horizon_ms, int(totals[h, s]), *means[:, h, s].tolist())
        for h, horizon_ms in enumerate(config.horizons_ms)
        for s, sensor in enumerate(SENSORS)
        if totals[h, s]
    )
    heard = np.isfinite(ratios)
    # Rounded, for processors differ in the last bits of a logarithm, and decisions must not.
    ratio = round(float(np.median(ratios[heard])), DIGITS) if heard.any() else 1.0
    return FleetEvaluation(version, evaluations[0].champion, int(heard.sum()), int(totals.sum()), ratio, errors)


def _figures(config: Config, evaluation: Evaluation) -> NDArray[np.float64]:
    figures = np.zeros((4, *config.outputs))
    for error in evaluation.errors:
        if error.horizon_ms in config.horizons_ms and error.sensor in SENSORS and error.count > 0:
            place = config.horizons_ms.index(error.horizon_ms), SENSORS.index(error.sensor)
            means = error[3:]
            # What is no number says nothing; what is beyond all numbers is as bad as can be.
            if all(mean >= 0 for mean in means):
                figures[(slice(None), *place)] = error.count, *(min(mean, trials.LARGEST) for mean in means)
    return figures


def decide(
    rules: Rules, standing: Standing, evaluations: Iterable[FleetEvaluation]
) -> tuple[Standing, tuple[Decision, ...]]:
    """The standing after what has been said, and what of it has changed."""
    if standing.pinned or not rules.evaluated:
        return standing, ()
    heard = {said.version: said for said in evaluations if said.examples >= rules.min_labels}
    # What a candidate must not be worse than: the champion, or the fallback where that does better.
    limit, bar = 1 + rules.margin, 1.0
    back = heard.get(standing.fallback) if standing.fallback is not None else None
    if back and back.ratio * limit < 1:
        bar = back.ratio
    else:
        back = None
    passing = [v for v in standing.candidates if v in heard and heard[v].ratio <= bar * limit]
    failing = [v for v in standing.candidates if v in heard and v not in passing]
    decisions = [Decision(v, REJECTED, POLICY, _reason(heard[v])) for v in failing]
    left = tuple(v for v in standing.candidates if v not in heard and v > max(passing, default=0))
    if passing:
        champion = max(passing)
        lost = [Decision(standing.champion, ROLLED_BACK, POLICY, _reason(back))] if back else []
        decisions[:0] = [Decision(champion, PROMOTED, POLICY, _reason(heard[champion])), *lost]
        fallback = standing.fallback if back else standing.champion
        return Standing(champion, fallback, left), tuple(decisions)
    if back:
        decisions[:0] = changed(standing.champion, back.version, POLICY, _reason(back))
        return Standing(back.version, None, left), tuple(decisions)
    return standing._replace(candidates=left), tuple(decisions)


def changed(before: int, now: int, by: str, reason: str) -> tuple[Decision, ...]:
    """What is said of the versions when everybody goes from one to another."""
    promoted = Decision(now, PROMOTED, by, reason)
    return (promoted, Decision(before, ROLLED_BACK, by, reason)) if before > now else (promoted,)


def _reason(said: FleetEvaluation) -> str:
    beside = f"{said.ratio:.3f} of the error of version {said.champion}"
    return f"version {said.version} has {beside}, by {said.examples} labels of {said.devices} devices"


def joined(rules: Rules, standing: Standing, version: int, *, anew: bool) -> Standing:
    """The standing with a window's ``version``, which says something ``anew`` or has its parent's weights."""
    if rules.evaluated:
        return standing._replace(candidates=(*standing.candidates, version)[-trials.OPEN :]) if anew else standing
    if standing.pinned:
        return standing._replace(candidates=(version,), fallback=None)
    return Standing(version)
