"""``python -m benchmarks.aggregation.byzantine``: what ten devices that send anything do to the fleet, by strategy.

The real days go through the fleet loop (``forecaster.lockstep``), each window through a strategy as it is in
``forecaster.strategies``. The Byzantine devices learn as all do, and lie about it. Judged is what the others forecast.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.errors import absolute, within
from benchmarks.quality.grids import grid
from benchmarks.quality.predictors import persistence
from forecaster import knowledge, lockstep
from forecaster.config import SENSORS, Config
from forecaster.lockstep import Grid, Rounds
from forecaster.strategies import Member, named
from producers.dataset import prepare

BYZANTINE, SEED = 10, 0
STRATEGIES: dict[str, dict[str, float]] = {
    "fedavg": {},
    "norm_clipping": {"norm": 3.0},
    "median": {},
    "trimmed_mean": {"cut": 0.2},
    "geometric_median": {},
    "multi_krum": {"byzantine": 10, "kept": 34},
    "krum": {"byzantine": 10},
}
JUDGED = "fedavg, judged"
"""With devices that judge each version before anybody stands on it; the others go without, to be seen by themselves."""
BOUND = 1.1
"""Times the clean run's error, within which a strategy counts as robust."""

Attack = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""What the Byzantine devices send, float32 [byzantine, n], of the last model, float32 [n], and what they learned."""
ATTACKS: dict[str, Attack] = {
    "clean": lambda last, learned: learned,
    "scaled": lambda last, learned: last + 10 * (learned - last),
    "flipped": lambda last, learned: -learned,
    "stuck": lambda last, learned: np.full_like(learned, 1.0),
}


class Case(NamedTuple):
    """One run."""

    strategy: str
    attack: str


CASES = [Case(strategy, attack) for strategy in (*STRATEGIES, JUDGED) for attack in ATTACKS]


class Server:
    """Makes the models of each case; which devices are Byzantine is drawn from a seed."""

    def __init__(self, config: Config, devices: int) -> None:
        self.byzantine = np.random.default_rng(SEED).permutation(devices)[:BYZANTINE]
        layout = knowledge.learned(config), knowledge.parts(config)
        self.strategies = {name: named(name, given, *layout) for name, given in STRATEGIES.items()}
        self.strategies[JUDGED] = self.strategies["fedavg"]

    def __call__(self, case: Any, last: Any, sent: Any, examples: Any) -> NDArray[np.float32]:
        """Of a window, as ``lockstep.Server``."""
        last, sent, examples = np.asarray(last), np.array(sent), np.asarray(examples)
        name, attack = CASES[int(case)]
        sent[self.byzantine] = ATTACKS[attack](last, sent[self.byzantine])
        # The aggregator rejects what is no number before any strategy sees it.
        counts = np.flatnonzero((examples > 0) & np.isfinite(sent).all(axis=1))
        members = [Member(f"{d:03}/1", sent[d], int(examples[d])) for d in counts]
        strategy = self.strategies[name]
        return strategy.update(strategy.init(last), last, members)[1].weights


def errors(config: Config, data: Grid, server: Server, case: Case, begin: int) -> dict[str, float]:
    """Mean absolute errors of temperature (°C) at the middle horizon from bin ``begin`` on, over honest devices."""
    rounds = Rounds(evaluated=case.strategy == JUDGED)
    outputs = lockstep.run(config, rounds, data, server, CASES.index(case))[1]
    honest = np.setdiff1d(np.arange(data.present.shape[1]), server.byzantine)
    place = (slice(None), honest, len(config.horizons) // 2, SENSORS.index("temperature"))
    known = np.isfinite(within(data, absolute(config, data, persistence(config, data)), begin)[place])
    found = {}
    for predictor in ("network", "combined"):
        forecasts = np.asarray(getattr(outputs.forecasts, predictor))
        off = within(data, absolute(config, data, forecasts), begin)[place][known]
        # A forecast that is none is not better for it.
        found[predictor] = float(np.nan_to_num(off, nan=np.inf, posinf=np.inf).mean())
    return found


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="A raw file.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(data: Path, form: str) -> None:
    """Every strategy under every attack, scored on the last day of the file."""
    config = Config()
    with tempfile.TemporaryDirectory() as folder:
        fleet = grid(config, prepare(data, data.name, Path(folder))).grid
    begin = fleet.first + len(fleet.present) - config.day
    server = Server(config, fleet.present.shape[1])
    rows = [case._asdict() | errors(config, fleet, server, case, begin) for case in CASES]
    if form == "json":
        click.echo(json.dumps({"byzantine": BYZANTINE, "devices": fleet.present.shape[1], "rows": rows}, indent=1))
        return
    clean = next(row for row in rows if row["strategy"] == "fedavg" and row["attack"] == "clean")
    click.echo(
        f"{BYZANTINE} of {fleet.present.shape[1]} devices Byzantine (seed {SEED}); temperature at 60 minutes, °C,"
    )
    click.echo(f"of the others, on the last day; in brackets times fedavg without attack, ! above {BOUND}")
    click.echo(f"{'':<18}{'attack':<10}{'network':>18}{'combined':>18}")
    for row in rows:
        shown = "".join(f"{marked(row[name], clean[name]):>18}" for name in ("network", "combined"))
        click.echo(f"{row['strategy']:<18}{row['attack']:<10}{shown}")


def marked(error: float, clean: float) -> str:
    """An error beside the clean run's."""
    return f"{error:.3f} ({error / clean:.2f}{'!' if not error <= BOUND * clean else ''})"


if __name__ == "__main__":
    main()
