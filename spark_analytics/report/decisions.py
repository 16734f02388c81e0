"""What became of the versions of the global model, from the events of ``global_models``. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

COLUMNS = ("moment", "version", "state", "by", "reason", "told_by")


def decisions(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Every promotion, rejection and rollback, and by which version's event, in order.

    Args:
        events: in the order of the log: version, window_end (ms), promotion, champion, and ``decisions``, each with
            version, state, by and reason. Of two of a version the first counts.

    Returns:
        ``COLUMNS``; the moment is the end of the event's window, ms.
    """
    seen: set[int] = set()
    rows: list[tuple[Any, ...]] = []
    for event in events:
        version, moment = event["version"], event["window_end"]
        if version in seen:
            continue
        seen.add(version)
        made = [(moment, d["version"], d["state"], d["by"], d["reason"], version) for d in event["decisions"]]
        if not made and event["promotion"] == "promoted" and event["champion"] in (-1, version):
            # Where nothing is judged, a version is promoted as it is made, and no decision says so.
            made = [(moment, version, "promoted", "policy", "promoted as it was made", version)]
        rows += made
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("told_by", kind="stable", ignore_index=True)
