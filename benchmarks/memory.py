"""How much memory a running system takes: proportional set size of every process, by service.

``python -m benchmarks.memory --seconds 60`` beside a running ``make up``; prints a Markdown table of peaks.
Proportional set size counts a page shared by n processes as 1/n in each, so that the sum is what the machine gives.
"""

from collections import defaultdict
from threading import Event, Timer

import click
import psutil

from infra.orphans import MARK
from infra.settings import Settings

MIB = 2**20
EVERY_S = 10
"""A look at forty processes takes half a second of a core: the kernel adds up their pages."""
COMMANDS = "commands"
"""What people run beside it, such as ``make batch``."""
ALL = "all services at the same moment"


def sample(settings: Settings) -> dict[str, float]:
    """MiB of each service now, its children included, and of commands that have this home; who ends meanwhile has 0."""
    file, sizes = settings.home / "run" / "supervisord.pid", defaultdict[str, float](float)
    supervisor = int(file.read_text()) if file.exists() else None  # it may have been killed, and the file be left
    for process in psutil.process_iter(["environ"]):
        environment = process.info["environ"] or {}  # None: another user's
        if process.pid == supervisor:
            sizes["supervisord"] = _pss(process) / MIB
        elif environment.get("FEDLOG_HOME") == str(settings.home):
            sizes[environment.get(MARK, COMMANDS)] += _pss(process) / MIB
    return dict(sizes)


def peaks(settings: Settings, over: Event, every_s: float = EVERY_S) -> dict[str, float]:
    """The most MiB each has had until ``over``, and ``ALL`` services together."""
    most = defaultdict[str, float](float)
    while not over.wait(every_s):
        sizes = sample(settings)
        sizes[ALL] = sum(size for name, size in sizes.items() if name != COMMANDS)
        for name, size in sizes.items():
            most[name] = max(most[name], size)
    return dict(most)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


@click.command()
@click.option("--seconds", default=60, show_default=True)
def main(seconds: int) -> None:
    """Sample a running system and print the peaks."""
    over = Event()
    Timer(seconds, over.set).start()
    click.echo(table(peaks(Settings(), over)))


def table(most: dict[str, float]) -> str:
    """Peaks in Markdown, the largest service first."""
    services = sorted((name for name in most if name != ALL), key=lambda name: -most[name])
    lines = [f"| {name} | {most[name]:,.0f} |" for name in services]
    return "\n".join(["| service | peak MiB |", "|---|---|", *lines, f"| **{ALL}** | {most.get(ALL, 0):,.0f} |"])


if __name__ == "__main__":
    main()
