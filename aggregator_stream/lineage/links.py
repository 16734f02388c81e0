"""One link of a lineage."""

from typing import NamedTuple


class Link(NamedTuple):
    """One thing, what it came from, and whether what the log says of both agrees.

    Attributes:
        label: what it is.
        place: where it lies on the log; empty where that is nowhere, or more than one place.
        detail: what it says.
        wrong: what was expected and what was found, where they differ.
        children: what it came from.
    """

    label: str
    place: str = ""
    detail: str = ""
    wrong: tuple[str, ...] = ()
    children: tuple["Link", ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the link itself holds."""
        return not self.wrong

    @property
    def size(self) -> int:
        """How many links there are, with all below."""
        return 1 + sum(child.size for child in self.children)

    @property
    def broken(self) -> int:
        """How many of them do not hold."""
        return (not self.ok) + sum(child.broken for child in self.children)
