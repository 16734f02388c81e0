"""One number for a view's content: equal views have equal digests."""

from collections.abc import Callable, Container, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from bson import encode
from bson.raw_bson import RawBSONDocument

PAGE_BYTES = 32 * 1024 * 1024


class Digest(NamedTuple):
    """How many documents (or files), and a hash over all of them in the order of their ids."""

    documents: int
    sha256: str


Hashes = list[tuple[str, bytes]]
"""Of each document or file its id, and a hash of its content; in order."""


def of(hashes: Hashes) -> Digest:
    """Theirs together."""
    whole = sha256(b"".join(id_.encode() + b"\0" + content for id_, content in hashes))
    return Digest(len(hashes), whole.hexdigest())


def first_difference(one: Hashes, other: Hashes, besides: Container[str] = ()) -> str | None:
    """The first id, ``besides`` some, that is not in both with the same content."""
    left, right = dict(one), dict(other)
    different = (id_ for id_ in left.keys() | right.keys() if left.get(id_) != right.get(id_) and id_ not in besides)
    return min(different, default=None)


def hashes_of_collection(
    collection: Any, servers_ids: bool = False, seen: Callable[[str, Any], object] = lambda id_, document: None
) -> Hashes:
    """Those of a MongoDB collection that nobody writes to, over the documents' BSON as it was written.

    Args:
        collection: which.
        servers_ids: whether each ``_id`` is the server's, another one wherever the document is written: then its
            place on the log stands for it.
        seen: shown each document, and what stands for its ``_id``.
    """
    raw = collection.with_options(codec_options=collection.codec_options.with_options(document_class=RawBSONDocument))
    content_of = _placed if servers_ids else _whole

    def contents() -> Iterator[tuple[str, bytes]]:
        for document in _pages(raw):
            id_, content = content_of(document)
            seen(id_, document)
            yield id_, content

    return _hashes(contents())


def hashes_of_folder(folder: Path, names: Iterable[str]) -> Hashes:
    """Those of the model files in some folders of one."""
    files = [path for name in names for path in (folder / name).glob("*.safetensors")]
    return _hashes((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)


def _whole(document: RawBSONDocument) -> tuple[str, bytes]:
    return str(document["_id"]), bytes(document.raw)


def _placed(document: RawBSONDocument) -> tuple[str, bytes]:
    log = document.get("_log")
    if log is None:  # somebody else's
        return _whole(document)
    rest = {name: value for name, value in document.items() if name != "_id"}
    return f"{log['topic']}#{log['partition']}#{log['offset']}", encode(rest)


def _hashes(rows: Iterable[tuple[str, bytes]]) -> Hashes:
    # Only the hashes are sorted: neither the server nor this process holds the documents together.
    return sorted((id_, sha256(content).digest()) for id_, content in rows)


def _pages(collection: Any) -> Iterator[RawBSONDocument]:
    """All documents, a page at a time.

    One cursor over all would do, but the embedded stand-in holds everything that a query finds in its heap, and half a
    million readings are too much for it.
    """
    first = collection.find_one({})
    page = min(max(PAGE_BYTES // len(first.raw), 100), 100_000) if first else 1
    for skip in range(0, collection.estimated_document_count(), page):
        yield from collection.find({}, skip=skip, limit=page)
