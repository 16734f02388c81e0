"""What became of windows, updates and versions, counted over all of them: a pure fold, so a restart changes nothing."""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from aggregator_stream.fold.promotion import PINNED, POLICY, PROMOTED, REJECTED, RELEASED, ROLLED_BACK
from schemas.events import Contribution, Decision, GlobalModel

OUTCOMES = ("accepted", "clipped", "superseded", "rejected")
STATES = (PROMOTED, REJECTED, ROLLED_BACK, PINNED, RELEASED)
OPERATOR = "operator"
OTHER = "other"
_CLASSES = {
    name: re.compile(pattern)
    for name, pattern in {
        "architecture": r"architecture \S* is not ",
        "base_version": r"base version -?\d+ is unknown",
        "stale": r"stale by ",
        "no_examples": r"learned from nothing$",
        "errors": r"reports errors ",
        "not_finite": r".* holds NaN or infinity$",
        "weights": r"not safetensors|arrays |\S+ is \w+\(.*\), not float32",
        "few_contributors": r"too few contributors|no contributors$",
        "clock": r"its clock is ahead ",
        "norm": r"moved ",
        "strategy": r"the strategy gives ",
        "outlier": r"score |.*rejected all contributors$",
    }.items()
}
"""What a reason begins with, by the word for it in metrics: reasons hold numbers, of which there is no end."""


class Tally(NamedTuple):
    """Counts over the versions seen.

    Attributes:
        windows: by result: ``changed``, ``unchanged`` (nobody's update counted), ``empty`` (there was none). A version
            that an operator's command made has no window.
        updates: by outcome and class of reason, which is empty where there is no reason.
        late: updates that came after the window of their event time had closed.
        decisions: on versions, by what became of them and who said so: ``policy`` or ``operator``.
    """

    windows: Mapping[str, int] = MappingProxyType({})
    updates: Mapping[tuple[str, str], int] = MappingProxyType({})
    late: int = 0
    decisions: Mapping[tuple[str, str], int] = MappingProxyType({})


def counted(tally: Tally, model: GlobalModel) -> Tally:
    """The tally with one more version in it."""
    updates = Counter(dict(tally.updates))
    updates.update((_outcome(c), reason_class(c.reason)) for c in model.contributions)
    windows = Counter(dict(tally.windows))
    if model.window_end > model.window_start:
        windows[_result(model)] += 1
    # A window includes its own end, and not its beginning.
    late = sum(c.event_time <= model.window_start for c in model.contributions)
    decisions = Counter(dict(tally.decisions))
    decisions.update(map(_decision, model.decisions))
    return Tally(windows, updates, tally.late + late, decisions)


def reason_class(reason: str | None) -> str:
    """One of few words for a reason; empty for none."""
    if not reason:
        return ""
    return next((name for name, pattern in _CLASSES.items() if pattern.match(reason)), OTHER)


def _outcome(contribution: Contribution) -> str:
    return contribution.outcome if contribution.outcome in OUTCOMES else OTHER


def _decision(decision: Decision) -> tuple[str, str]:
    # An operator's decision names the command, of which there is no end.
    state = decision.state if decision.state in STATES else OTHER
    return state, POLICY if decision.by == POLICY else OPERATOR


def _result(model: GlobalModel) -> str:
    if not model.contributions:
        return "empty"
    return "unchanged" if model.promotion == "unchanged" else "changed"
