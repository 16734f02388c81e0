"""How much memory a running system takes: proportional set size of every process, by service.

``python -m benchmarks.memory --seconds 60`` beside a running ``make up``; prints a Markdown table of peaks.
Proportional set size counts a page shared by n processes as 1/n in each, so that the sum is what the machine gives.
"""

import time
from collections import defaultdict

import click
import psutil

from infra.settings import Settings
from infra.supervision import processes

MIB = 2**20


def sample(settings: Settings) -> dict[str, float]:
    """MiB of each service now, its children included; a process that ends meanwhile counts 0."""
    roots = {name: info["pid"] for name, info in processes(settings).items() if info["pid"]}
    roots["supervisord"] = int((settings.home / "run" / "supervisord.pid").read_text())
    sizes: dict[str, float] = {}
    for name, pid in roots.items():
        try:
            process = psutil.Process(pid)
            family = [process] + ([] if name == "supervisord" else process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
        sizes[name] = sum(_pss(member) for member in family) / MIB
    return sizes


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


@click.command()
@click.option("--seconds", default=60, show_default=True)
def main(seconds: int) -> None:
    """Sample a running system and print the peaks."""
    settings, peaks, peak = Settings(), defaultdict[str, float](float), 0.0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sizes = sample(settings)
        peak = max(peak, sum(sizes.values()))
        for name, size in sizes.items():
            peaks[name] = max(peaks[name], size)
        time.sleep(2)
    lines = [f"| {name} | {size:,.0f} |" for name, size in sorted(peaks.items(), key=lambda item: -item[1])]
    click.echo("\n".join(["| service | peak MiB |", "|---|---|", *lines, f"| all at the same moment | {peak:,.0f} |"]))


if __name__ == "__main__":
    main()
