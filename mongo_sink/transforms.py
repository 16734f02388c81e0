"""``transforms``: the one single message transform that is understood, which gives plain text keys a field."""

from collections.abc import Mapping
from typing import Any

from mongo_sink.properties import listed

HOIST = "HoistField$Key"
KEY_FIELD = "key.field"
"""Not written by anybody: what is left of the transform's properties."""


def hoisted(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with ``KEY_FIELD`` in the place of a ``HoistField$Key``'s own.

    MongoDB's connector needs it for whatever looks at the key, and for renaming: the keys of this log are plain text,
    and it wants documents.

    Raises:
        ValueError: another transform is wanted, or this one lacks its field.
    """
    rest = {key: value for key, value in properties.items() if key.partition(".")[0] != "transforms"}
    names = listed(properties.get("transforms", ""))
    if not names:
        return rest
    told = {key: value for key, value in properties.items() if key.startswith("transforms.")}
    own = {key.removeprefix(f"transforms.{names[0]}."): value for key, value in told.items()}
    kind = str(own.get("type", "")).rpartition(".")[2]
    if len(names) > 1 or kind != HOIST or own.keys() != {"type", "field"}:
        raise ValueError(f"transforms is not supported but for one {HOIST} with its field; post.processor.chain is")
    return rest | {KEY_FIELD: own["field"]}
