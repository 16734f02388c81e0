"""From a version to its parent, and so on to 0: which versions are shown whole, and which as a chain."""

from collections.abc import Collection, Mapping

from aggregator_stream.lineage.evidence import Version


def chain(versions: Mapping[int, Version], number: int) -> list[int]:
    """The version, its parent, and so on; it ends with 0, or where one is not on the log or not the younger."""
    numbers = [number]
    while (version := versions.get(numbers[-1])) is not None and version.parent < version.number:
        numbers.append(version.parent)
    return numbers


def whole(versions: Mapping[int, Version], number: int, depth: int) -> list[int]:
    """Those of the chain whose updates are shown: the version itself, and the ``depth`` newest that have any."""
    numbers = [n for n in chain(versions, number) if n in versions]
    changed = [n for n in numbers if versions[n].changed]
    return sorted({*numbers[:1], *changed[: max(depth, 1)]}, reverse=True)


def stretches(numbers: list[int], shown: Collection[int]) -> list[list[int]]:
    """The chain cut into versions that are ``shown`` by themselves, and stretches of those that are not."""
    parts: list[list[int]] = []
    for number in numbers:
        alone = number in shown
        if alone or not parts or parts[-1][0] in shown:
            parts.append([number])
        else:
            parts[-1].append(number)
    return parts
