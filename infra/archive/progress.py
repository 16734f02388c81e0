"""Progress for a person: a bar with rate and time left on a terminal, else nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from mongo_sink.progress import bar_on

STRIDE = 1000
"""Records between two words: a word for each would take as long as the record."""

Advance = Callable[[object], None]


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """``advance(what)`` counts a record towards ``total`` and shows ``what`` it is of."""
    with bar_on(Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        done = 0

        def advance(what: object) -> None:
            nonlocal done
            done += 1
            if done % STRIDE == 0 or done == total:
                bar.update(task, completed=done, description=f"{title} {what}")

        yield advance
