"""What the commands of this package say to a person."""

from rich.console import Console

console = Console()


def say(text: str) -> None:
    """Print a line as it is, not wrapped: what is in it is to be copied."""
    console.print(text, highlight=False, soft_wrap=True)
