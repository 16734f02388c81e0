"""What is to be said of a version, and of two beside each other: plain values, which print as JSON as they are."""

from collections import Counter
from typing import Any

from forecaster import weights
from forecaster.config import configured
from forecaster.knowledge import architecture, initial
from infra.versions.measures import Arrays, arrays_of, distances, sizes
from infra.versions.reading import Found
from schemas.events import Contribution, GlobalModel
from schemas.wire import iso

Described = dict[str, Any]


def inspected(found: Found, learner: str) -> Described:
    """One version.

    Args:
        found: it, and where it is from.
        learner: the setting, from which the common start is known.

    Raises:
        UnreadableWeightsError: its weights, or its parent's, are not safetensors.
    """
    model, arrays = found.model, arrays_of(found.model.weights)
    parent = arrays_of(found.parent.weights) if found.parent else _start(model, learner)
    return {
        **_identity(model),
        "ancestors": found.ancestors,
        "decisions": [decision._asdict() for decision in model.decisions],
        "outcomes": dict(Counter(c.outcome for c in model.contributions)),
        "contributions": [_plain(contribution) for contribution in model.contributions],
        "errors": [error._asdict() for error in model.errors],
        "arrays": [size._asdict() for size in sizes(arrays)],
        "from_parent": [distance._asdict() for distance in distances(arrays, parent)],
    }


def compared(a: GlobalModel, b: GlobalModel) -> Described:
    """``b`` beside ``a``.

    Raises:
        UnreadableWeightsError: their weights are not safetensors.
    """
    one, other = _identity(a), _identity(b)
    of_a, of_b = ({c.device_id for c in each.contributions if c.outcome == "accepted"} for each in (a, b))
    errors = {(e.sensor, e.horizon_ms): e for e in a.errors}
    return {
        "a": one["version"],
        "b": other["version"],
        "changed": {name: [one[name], other[name]] for name in one if name != "version" and one[name] != other[name]},
        "contributors": {"both": len(of_a & of_b), "only_a": sorted(of_a - of_b), "only_b": sorted(of_b - of_a)},
        "errors": [
            {"sensor": e.sensor, "horizon_ms": e.horizon_ms, "a": errors[key].mae, "b": e.mae}
            for e in b.errors
            if (key := (e.sensor, e.horizon_ms)) in errors
        ],
        "arrays": [distance._asdict() for distance in distances(arrays_of(b.weights), arrays_of(a.weights))],
    }


def _identity(model: GlobalModel) -> Described:
    return {
        "version": model.version,
        "parent_version": model.parent_version,
        "window": [iso(model.window_start), iso(model.window_end)],
        "strategy": model.strategy,
        "strategy_parameters": dict(sorted(model.strategy_parameters.items())),
        "architecture": model.architecture,
        "dataset": model.dataset,
        "promotion": model.promotion,
        "stands_on": model.stands_on,
        "pinned": model.pinned,
        "reason": model.reason,
        "examples": model.example_count,
        "contributors": sum(c.outcome == "accepted" for c in model.contributions),
    }


def _start(model: GlobalModel, learner: str) -> Arrays:
    """What every device knows before the first version, where this system's is that of the model's architecture."""
    config = configured(learner)
    return arrays_of(weights.to_bytes(initial(config))) if architecture(config) == model.architecture else {}


def _plain(contribution: Contribution) -> Described:
    row = contribution._asdict()
    return {"update": row.pop("update_id"), **row}
