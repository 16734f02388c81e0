"""Up to where a view holds the log, and which, kept in the view: one from a backup goes on from its own truth."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from mongo_sink.model_files import sync, write_atomically

Place = tuple[str, int]  # topic, partition
Positions = Mapping[Place, int]
"""The offset behind the last record that is written, of each partition."""
COLLECTION = "sink_positions"
FILE, LOG_FILE = "positions.json", "log.txt"


def held(collection: Any, connector: str, places: Iterable[Place]) -> dict[Place, int]:
    """What a database says of a connector's partitions; of those that it holds nothing of, nothing."""
    by_id = {_id(connector, place): place for place in places}
    return {by_id[row["_id"]]: row["offset"] for row in collection.find({"_id": {"$in": list(by_id)}})}


def hold(collection: Any, connector: str, positions: Positions) -> None:
    """Note them in a database, acknowledged; never back, whatever a task says that has lost its partitions."""
    collection.bulk_write(
        [
            UpdateOne(
                {"_id": _id(connector, place)},
                {
                    "$max": {"offset": offset},
                    "$set": {"connector": connector, "topic": place[0], "partition": place[1]},
                },
                upsert=True,
            )
            for place, offset in positions.items()
        ],
        ordered=False,
    )


def log_held(collection: Any, connector: str) -> str | None:
    """The id of the log that a database says a connector's positions are of; None where it does not say."""
    row = collection.find_one({"_id": connector})
    return None if row is None else str(row["log"])


def hold_log(collection: Any, connector: str, log: str) -> None:
    """Note which log it is, acknowledged, unless it is noted."""
    with suppress(DuplicateKeyError):  # another task of the connector was faster
        collection.insert_one({"_id": connector, "connector": connector, "log": log})


def forget(collection: Any, connector: str) -> None:
    """The view begins anew."""
    collection.delete_many({"connector": connector})


def read(folder: Path) -> dict[Place, int]:
    """What a folder of files says of itself."""
    try:
        rows = json.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return {(row["topic"], row["partition"]): row["offset"] for row in rows}


def write(folder: Path, positions: Positions) -> None:
    """Note them in a folder, durably."""
    rows = [{"topic": t, "partition": p, "offset": offset} for (t, p), offset in sorted(positions.items())]
    write_atomically(folder / FILE, json.dumps(rows, indent=1).encode())
    sync(folder)


def read_log(folder: Path) -> str | None:
    """The id of the log that a folder of files says it is of; None where it does not say."""
    try:
        return (folder / LOG_FILE).read_text("utf-8").strip()
    except FileNotFoundError:
        return None


def write_log(folder: Path, log: str) -> None:
    """Note which log it is in a folder, durably."""
    write_atomically(folder / LOG_FILE, f"{log}\n".encode())
    sync(folder)


def _id(connector: str, place: Place) -> str:
    return f"{connector}/{place[0]}/{place[1]}"
