"""``Tables`` for programs. Pure."""

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from spark_analytics.scores.tables import Tables


def records(tables: "Tables") -> dict[str, Any]:
    """Each table as a list of JSON objects, null where there is no number; the rest as it is."""
    return {
        name: json.loads(value.to_json(orient="records", double_precision=15))
        if isinstance(value, pd.DataFrame)
        else value
        for name, value in tables._asdict().items()
    }
