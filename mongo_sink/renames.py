"""``RenameByMapping`` and ``RenameByRegExp``: fields under other names, as MongoDB's connector gives them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mongo_sink.documents import Document, UnusableRecordError

Renamed = Callable[[str, str], str]
"""The new name of a field, by the path of its document (``value.a``) and its name."""


class Rule(NamedTuple):
    """In names whose whole path matches ``path``, what matches ``pattern`` becomes ``replacement``."""

    path: re.Pattern[str]
    pattern: re.Pattern[str]
    replacement: str


def mapping_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """``field.renamer.mapping``: path to new name.

    Raises:
        ValueError: an entry lacks one of its names.
    """
    for entry in entries:
        if set(entry) != {"oldName", "newName"}:
            raise ValueError(f"field.renamer.mapping has {dict(entry)}, which is not an oldName and a newName")
        if str(entry["oldName"]).startswith("key."):
            raise ValueError(f"field.renamer.mapping has {entry['oldName']!r}: keys are not renamed here")
    return {str(entry["oldName"]): str(entry["newName"]) for entry in entries}


def rules_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """``field.renamer.regexp``: Java's ``$1`` in the replacement, and Python's regular expressions.

    Raises:
        ValueError: an entry lacks one of its parts, or one is no regular expression.
    """
    rules = []
    for entry in entries:
        if set(entry) != {"regexp", "pattern", "replace"}:
            raise ValueError(f"field.renamer.regexp has {dict(entry)}, which is not a regexp, a pattern and a replace")
        try:
            rule = Rule(re.compile(entry["regexp"]), re.compile(entry["pattern"]), _replacement(entry["replace"]))
            rule.pattern.sub(rule.replacement, "")
            rules.append(rule)
        except (re.error, TypeError, IndexError) as error:
            raise ValueError(f"field.renamer.regexp has {dict(entry)}: {error}") from error
    return tuple(rules)


def _replacement(java: str) -> str:
    """Java's replacement in Python's words."""
    tokens = re.findall(r"\\.|\$\d|\$\{\w+\}|.", java, re.DOTALL)
    return "".join(_token(token) for token in tokens)


def _token(token: str) -> str:
    if token.startswith("$") and len(token) > 1:
        return rf"\g<{token.strip('${}')}>"
    return token[-1].replace("\\", r"\\")


def by_mapping(mapping: Mapping[str, str]) -> Renamed:
    """New names by the whole path."""
    return lambda path, name: mapping.get(f"{path}.{name}", name)


def by_rules(rules: Sequence[Rule]) -> Renamed:
    """New names by one rule after the other; each looks at the path as it was."""

    def renamed(path: str, name: str) -> str:
        new = name
        for rule in rules:
            if rule.path.fullmatch(f"{path}.{name}"):
                new = rule.pattern.sub(rule.replacement, new)
        return new

    return renamed


def rename(document: Document, renamed: Renamed, path: str = "value") -> Document:
    """The document with its fields, and those of documents in it, under their new names.

    As in MongoDB's connector a renamed field goes to the end, documents in arrays keep theirs, and a field whose new
    name is taken is dropped.

    Raises:
        UnusableRecordError: two fields get one name; the original breaks off with an error of Java's there.
    """
    kept, moved = dict(document), Document()
    for name, value in document.items():
        new = renamed(path, name)
        inner = rename(value, renamed, f"{path}.{new}") if isinstance(value, dict) else value
        if new == name:
            kept[name] = inner
            continue
        if new not in kept:
            if new in moved:
                raise UnusableRecordError(f"two fields of {path} are renamed to {new!r}")
            moved[new] = inner
        del kept[name]
    return kept | moved
