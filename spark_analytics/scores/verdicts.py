"""What tables come to: a ratio over sensors and horizons, and whether stream and batch agree. Pure."""

import pandas as pd

from spark_analytics.scores.ordering import in_order
from spark_analytics.scores.ranking import RANKED
from spark_analytics.scores.wording import count, number


def summary(errors: pd.DataFrame, by: str) -> pd.DataFrame:
    """Errors of runs, by one key more, each one ratio: of error to persistence's, mean over sensors and horizons.

    Of temperature and humidity only: where it is dark, persistence makes no error in light.

    Args:
        errors: run, sensor, horizon_ms, the key, labels, ratio, begin, end.
        by: the key.

    Returns:
        run, the key, labels (of all together), ratio, begin, end; in order.
    """
    ranked = errors[errors["sensor"].isin(RANKED)]
    found = ranked.groupby(["run", by], as_index=False).agg(
        labels=("labels", "sum"), ratio=("ratio", "mean"), begin=("begin", "min"), end=("end", "max")
    )
    return in_order(found, "run", by)


def differing(pairs: pd.DataFrame) -> list[str]:
    """A sentence for each version of batch: whether the stream said the same where it used the same version.

    Args:
        pairs: ``agreement.agreement``.
    """
    sentences = []
    for version, own in pairs[pairs["same"]].groupby("version"):
        off, together = int((own["exceeding"] + own["one_sided"]).sum()), int(own["pairs"].sum())
        if not off:
            largest = number(own["largest"].max(), 2)
            sentences.append(
                f"With version {version} stream and batch agree: {count(together)} numbers, none further apart than"
                f" {largest} in its unit."
            )
            continue
        other = int(own["readings"].sum())
        why = f"behind {count(other)} of them lie other readings, " if other else ""
        sentences.append(
            f"With version {version} stream and batch DIFFER in {count(off)} of {count(together)} numbers: {why}"
            f"{count(off - other)} the log does not explain."
        )
    without = sorted(set(pairs["version"]) - set(pairs[pairs["same"]]["version"]))
    sentences += [
        f"The stream has not used version {version}: there is nothing that must agree." for version in without
    ]
    return sentences
