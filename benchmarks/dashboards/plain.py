"""The same questions without roll-ups and without ids: ``predictions`` is asked for what meets the conditions."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from pymongo.database import Database

HALF_HOUR_MS = 1_800_000


def errors_by_hour(mongo: Database[Any]) -> int:
    """Error of temperature by source and hour, 30 minutes ahead, over all history; how many hours there are."""
    fields = {"_id": 0, "source": 1, "made_at": 1, "error.temperature": 1}
    sums: dict[Any, list[float]] = defaultdict(list)
    wanted = {"horizon_ms": HALF_HOUR_MS, "error": {"$ne": None}}
    for each in mongo["predictions"].find(wanted, fields):
        hour = each["made_at"].replace(minute=0)
        sums[hour, each["source"]].append(abs(each["error"]["temperature"]))
    found = {hour for (hour, _), errors in sums.items() if sum(errors) / len(errors) >= 0}
    return len(found)


def of_one_device(mongo: Database[Any], device: str) -> int:
    """A device's forecasts of the last 24 hours, 30 minutes ahead; how many moments they were made at."""
    [newest] = mongo["local_models"].find({"_id": device}, {"event_time": 1})
    since = newest["event_time"] - timedelta(hours=24)
    wanted = {"device_id": device, "horizon_ms": HALF_HOUR_MS, "made_at": {"$gte": since}}
    fields = {"_id": 0, "source": 1, "made_at": 1, "target_at": 1, "forecast": 1, "persistence": 1, "anomaly": 1}
    moments = {each["made_at"] for each in mongo["predictions"].find(wanted, fields)}
    return len(moments)
