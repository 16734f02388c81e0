"""What the commands of this package say to a person."""

import sys

from rich.console import Console

PIPED = 200
"""Columns where what is printed goes on to a file or another program: tables are not folded."""
console = Console(width=None if sys.stdout.isatty() else PIPED)


def say(text: str) -> None:
    """Print a line as it is, not wrapped: what is in it is to be copied."""
    console.print(text, highlight=False, soft_wrap=True)
