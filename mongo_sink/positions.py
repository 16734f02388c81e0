"""Up to where a view holds the log, kept in the view: one that is restored from a backup goes on from its own truth."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pymongo import UpdateOne

from mongo_sink.model_files import sync, write_atomically

Place = tuple[str, int]  # topic, partition
Positions = Mapping[Place, int]
"""The offset behind the last record that is written, of each partition."""
COLLECTION = "sink_positions"
FILE = "positions.json"


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


def _id(connector: str, place: Place) -> str:
    return f"{connector}/{place[0]}/{place[1]}"
