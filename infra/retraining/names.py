"""What a retraining's topics are called on the log."""

import re

import click

from schemas.topics import TOPICS, TopicSpec

DERIVED = ("local_updates", "global_models", "predictions", "dead_letters")
"""What training and aggregation make of the readings."""
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


class RetrainingError(click.ClickException):
    """One sentence that says what is wrong, and what to do."""


def prefixed(prefix: str, topic: str) -> str:
    """The name of a retraining's topic; of the original where there is no prefix.

    Raises:
        RetrainingError: the prefix is none.
    """
    if not prefix:
        return topic
    if not _PREFIX.fullmatch(prefix):
        raise RetrainingError(f"{prefix!r} is no prefix of topics: take letters, digits, - and _, 61 at most.")
    return f"{prefix}.{topic}"


def spec_of(name: str) -> TopicSpec | None:
    """What a topic on the log is: one of Fedlog's, or a retraining's of it; None where it is somebody else's."""
    prefix, dot, topic = name.rpartition(".")
    if not dot:
        return TOPICS.get(name)
    return TOPICS[topic] if topic in DERIVED and _PREFIX.fullmatch(prefix) else None


def all_of(prefix: str) -> dict[str, str]:
    """By the original's name, that of each topic of a retraining."""
    assert set(DERIVED) <= TOPICS.keys()
    return {topic: prefixed(prefix, topic) for topic in DERIVED}
