"""Progress for a person: a bar with rate and time left on a terminal, else a log line every few seconds."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LOG = logging.getLogger(__name__)
LINE_SECONDS = 5.0

Advance = Callable[[str, int], None]


class RateColumn(ProgressColumn):
    """Records per second."""

    def render(self, task: Task) -> Text:
        """The speed over the last half minute."""
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """``advance(what, records)`` counts towards ``total`` and shows ``what`` is being read."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title, total)
        return
    with bar_on(console) as bar:
        task = bar.add_task(title, total=total)
        yield lambda what, records: bar.update(task, advance=records, description=f"{title} {what}")


def bar_on(console: Console) -> Progress:
    """A bar with count, rate and time left; nothing where the console is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _lines(title: str, total: int) -> Advance:
    done, began = 0, time.monotonic()
    said = began

    def advance(what: str, records: int) -> None:
        nonlocal done, said
        done += records
        now = time.monotonic()
        if now - said < LINE_SECONDS and done < total:
            return
        said = now
        rate = done / max(now - began, 1e-9)
        LOG.info(
            "%s %s %d of %d, %.0f/s, %.0f s left", title, what, done, total, rate, (total - done) / max(rate, 1e-9)
        )

    return advance
