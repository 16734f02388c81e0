"""One number for a view's content: equal views have equal digests."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument

PAGE_BYTES = 32 * 1024 * 1024


class Digest(NamedTuple):
    """How many documents (or files), and a hash over all of them in the order of their ids."""

    documents: int
    sha256: str


def of_collection(collection: Any) -> Digest:
    """The digest of a MongoDB collection that nobody writes to, over the documents' BSON as it was written."""
    raw = collection.with_options(codec_options=collection.codec_options.with_options(document_class=RawBSONDocument))
    return _of((str(document["_id"]), bytes(document.raw)) for document in _pages(raw))


def of_folder(folder: Path) -> Digest:
    """The digest of the model files below ``folder``."""
    files = folder.rglob("*.safetensors")
    return _of((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)


def _pages(collection: Any) -> Iterator[RawBSONDocument]:
    """All documents, a page at a time.

    One cursor over all would do, but the embedded stand-in holds everything that a query finds in its heap, and half a
    million readings are too much for it.
    """
    first = collection.find_one({})
    page = min(max(PAGE_BYTES // len(first.raw), 100), 100_000) if first else 1
    for skip in range(0, collection.estimated_document_count(), page):
        yield from collection.find({}, skip=skip, limit=page)


def _of(rows: Iterable[tuple[str, bytes]]) -> Digest:
    # Only the hashes are sorted: neither the server nor this process holds the documents together.
    hashes = sorted((id_, sha256(content).digest()) for id_, content in rows)
    whole = sha256(b"".join(id_.encode() + b"\0" + content for id_, content in hashes))
    return Digest(len(hashes), whole.hexdigest())
