"""``python -m benchmarks.aggregation``: seconds and memory for one window of many devices, strategy by strategy."""

import json
import platform
from typing import Any

import click
import numpy as np
import psutil

from benchmarks.aggregation import fleet, flower, fold, ours
from forecaster.config import Config

BAR_S = 2.0
"""What a window may take."""
PAIRS = 400
"""Members that Flower's Krum is timed on. It takes one difference a pair in Python, which for 10,000 members is half an
hour: what all would take is told from there."""
QUADRATIC = ("krum", "multi_krum")


def strategies(devices: int) -> dict[str, dict[str, float]]:
    """All there are, at the size of the fleet, a fifth of which may be Byzantine."""
    byzantine = float(devices // 5)
    moments = {"b1": 0.9, "b2": 0.99}
    return {
        "fedavg": {},
        "fedavgm": {"learning_rate": 1.0, "momentum": 0.9},
        "fedadam": {"learning_rate": 0.1, **moments, "tau": 1e-9},
        "fedyogi": {"learning_rate": 0.01, **moments, "tau": 1e-3},
        "norm_clipping": {"norm": 5.0},
        "private_fedavg": {"norm": 5.0, "noise_multiplier": 1.0, "delta": 1e-5, "seed": 7.0},
        "median": {},
        "trimmed_mean": {"cut": 0.2},
        "geometric_median": {},
        "krum": {"byzantine": byzantine},
        "multi_krum": {"byzantine": byzantine, "kept": devices - byzantine},
    }


@click.command()
@click.option("--devices", default=10_000, show_default=True)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(devices: int, format_: str) -> None:
    """Every strategy on the same window, and Flower's where it has that one."""
    # First, while nothing that others have left lies in this process's memory.
    whole = fold.run(devices)
    rows = [row(name, given, devices) for name, given in strategies(devices).items()]
    numbers = fleet.parent(Config()).size
    if format_ == "json":
        said = {"devices": devices, "numbers": numbers, "strategies": rows, "fold": whole._asdict()}
        click.echo(json.dumps(said, indent=1))
        return
    click.echo(f"{devices:,} devices, {numbers:,} numbers each; {psutil.cpu_count()} cores, {platform.machine()}")
    click.echo(
        "s: of aggregation; decoding: the updates' bytes, s beside; MiB: above what was there, Flower's with the"
    )
    click.echo(f"arrays it is handed; ≈: from {PAIRS} members, by squares")
    click.echo(f"{'':<18}{'s':>8}{'decoding':>10}{'MiB':>6}{'Flower s':>12}{'MiB':>6}")
    for each in rows:
        late = "" if each["seconds"] < BAR_S else f"   over {BAR_S:.0f} s"
        own = f"{each['name']:<18}{each['seconds']:>8.2f}{each['decoding_s']:>10.2f}{each['mib']:>6,.0f}"
        click.echo(own + beside(each["flower"], devices) + late)
    click.echo(
        f"the aggregator's fold with fedavg: {whole.taking_s:.2f} s to take the updates, {whole.closing_s:.2f} s to"
        f" close the window, an event of {whole.event_bytes / ours.MIB:.2f} MiB; {whole.held_mib:,.0f} MiB held"
    )


def beside(theirs: dict[str, float] | None, devices: int) -> str:
    """Flower's columns."""
    if theirs is None:
        return f"{'–':>12}{'–':>6}"
    if theirs["from"] < devices:
        return f"{'≈' + format(theirs['seconds'], ',.0f'):>12}{'–':>6}"
    return f"{theirs['seconds']:>12.2f}{theirs['mib']:>6,.0f}"


def row(name: str, given: dict[str, float], devices: int) -> dict[str, Any]:
    """Ours and, if there is one, Flower's."""
    cost = ours.run(name, given, devices)
    theirs = flowers(name, given, devices) if name in flower.THEIRS else None
    return {"name": name, "parameters": given, **cost._asdict(), "flower": theirs}


def flowers(name: str, given: dict[str, float], devices: int) -> dict[str, float]:
    """Flower's seconds and MiB, and ``from`` how many members they are known; more than those are told by squares."""
    some = min(devices, PAIRS) if name in QUADRATIC else devices
    start = fleet.parent(Config())
    rounds = np.stack([fleet.weights(start, device) for device in range(some)])[None]
    examples = np.array([[fleet.examples(device) for device in range(some)]])
    taken = flower.run(name, {**given, **ours.fewer(given, some / devices)}, start, rounds, examples, bare=True)
    return {"seconds": taken.seconds[0] * (devices / some) ** 2, "mib": taken.mib, "from": some}


if __name__ == "__main__":
    main()
