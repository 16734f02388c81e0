"""Progress for a person: a bar with rate and time left on a terminal, else nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

STRIDE = 1000
"""Records between two words: a word for each would take as long as the record."""

Advance = Callable[[object], None]


class RateColumn(ProgressColumn):
    """Records per second."""

    def render(self, task: Task) -> Text:
        """The speed over the last half minute."""
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """``advance(what)`` counts a record towards ``total`` and shows ``what`` it is of."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        done = 0

        def advance(what: object) -> None:
            nonlocal done
            done += 1
            if done % STRIDE == 0 or done == total:
                bar.update(task, completed=done, description=f"{title} {what}")

        yield advance
