"""``AllowList`` and ``BlockList``: which fields of a document stay, by dotted paths and wildcards.

As MongoDB's connector reads them: ``*`` stands for one name, ``a.**`` for all below ``a``, ``ab*`` for the names that
begin with ``ab``; a path goes through arrays. An allowed path brings the documents on its way, without their other
fields; ``_id`` is a field like the others.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

from mongo_sink.documents import Document

ONE, ALL = "*", "**"


class Projection(NamedTuple):
    """A kind of list (``allow`` or ``block``) and its paths."""

    kind: str
    paths: tuple[str, ...]

    def of(self, document: Document) -> Document:
        """What stays of ``document``."""
        return allow(document, self.paths) if self.kind == "allow" else block(document, self.paths)


KINDS = {"allowlist": "allow", "whitelist": "allow", "blocklist": "block", "blacklist": "block"}
"""``…projection.type`` in any case, the old names too."""


def allow(document: Document, paths: Iterable[str]) -> Document:
    """The document with the fields that ``paths`` name, and no other."""
    parts = [path.split(".") for path in paths]
    listed = {".".join(each[:end]) for each in parts for end in range(1, len(each) + 1)}
    return document if ALL in listed else _allowed(document, "", listed)


def _allowed(document: Document, prefix: str, listed: set[str]) -> Document:
    def below(path: str, value: Any) -> Any:
        if isinstance(value, dict):
            return value if f"{path}.{ALL}" in listed else _allowed(value, f"{path}.", listed)
        if isinstance(value, list):
            return [_allowed(item, f"{path}.", listed) if isinstance(item, dict) else item for item in value]
        return value

    named = ((name, prefix + name, value) for name, value in document.items())
    return {name: below(path, value) for name, path, value in named if _matches(path, listed)}


def _matches(path: str, listed: set[str]) -> bool:
    begun = (item[:-1] for item in listed if "." not in item and item.endswith(ONE) and item != ONE)
    if any(path.startswith(beginning) for beginning in begun):
        return True
    return any(".".join(parts) in listed for parts in product(*((name, ONE) for name in path.split("."))))


def block(document: Document, paths: Iterable[str]) -> Document:
    """The document without the fields that ``paths`` name."""
    for path in paths:
        document = _blocked(document, path)
    return document


def _blocked(document: Document, path: str) -> Document:
    first, _, rest = path.partition(".")
    if first == ALL:
        return {}
    if first == ONE:
        # What is no document goes; a document stays, less what the rest of the path names in it.
        inner = {name: value for name, value in document.items() if isinstance(value, dict)}
        return {name: _blocked(value, rest) if rest else value for name, value in inner.items()}
    if not rest:
        return {name: value for name, value in document.items() if not _is(name, first)}
    if first not in document:
        return document
    return document | {first: _blocked_below(document[first], rest)}


def _is(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith(ONE) else name == pattern


def _blocked_below(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return _blocked(value, path)
    if isinstance(value, list):
        return [_blocked(item, path) if isinstance(item, dict) else item for item in value]
    return value
