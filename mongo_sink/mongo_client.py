"""The client of MongoDB, or of what speaks its protocol."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from mongo_sink.documents import Document


def connect(uri: str, *listeners: CommandListener) -> MongoClient[Document]:
    """A client that gives up on an attempt soon enough to be told to stop, and whose writes survive."""
    # connectTimeoutMS is also the heartbeats': a short one cuts off a server that is merely busy.
    return MongoClient(
        uri,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=20_000,
        socketTimeoutMS=120_000,
        tz_aware=True,
        event_listeners=listeners,
        **write_concern(uri),
    )


def write_concern(uri: str) -> dict[str, Any]:
    """What the URI leaves open of it: acknowledged by a majority, and journaled.

    Offsets are committed after a write: what a failover or a crash of MongoDB's could take back would be lost.
    """
    said = {name.lower(): value for name, value in parse_qsl(urlsplit(uri).query)}
    concern: dict[str, Any] = {} if "w" in said else {"w": "majority"}
    if not said.keys() & {"journal", "j"} and said.get("w") != "0":
        concern["journal"] = True
    return concern
