"""``make quality``: every predictor on a file of readings, side by side."""

import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.quality import anomaly_baselines, failures, joining, predictors
from benchmarks.quality.anomalies import Rating, alarms, ratings
from benchmarks.quality.engine import forecasts
from benchmarks.quality.errors import Cell, Errors, absolute, table, within
from benchmarks.quality.faults import Readings
from benchmarks.quality.grids import Devices, grid, readings
from forecaster.config import Config
from forecaster.lockstep import Grid
from producers.dataset import prepare


def bin_of(config: Config, moment: str) -> int:
    """The first bin that begins at or after an ISO moment, UTC unless it says otherwise.

    Raises:
        BadParameter: not a moment.
    """
    try:
        stated = datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.BadParameter(f"{moment!r} is not an ISO moment such as 2004-03-07 or 2004-03-07T06:00") from error
    ms = int(stated.replace(tzinfo=stated.tzinfo or UTC).timestamp() * 1000)
    return -(-ms // config.bin_ms)


def all_devices(config: Config, devices: Devices, begin: int, seeds: Sequence[int]) -> dict[str, list[Errors]]:
    """The errors of every predictor from bin ``begin`` on, one for each seed where the seed matters."""
    made: dict[str, list[predictors.Forecasts]] = {
        "persistence": [predictors.persistence(config, devices.grid)],
        "linear_pooled": [predictors.pooled(config, devices.grid)],
    }
    for seed in seeds:
        seeded = config._replace(seed=seed)
        for federated in (True, False):
            for name, run in predictors.learned(seeded, devices.grid, federated).items():
                made.setdefault(name, []).append(run)
    return {
        name: [within(devices.grid, absolute(config, devices.grid, run), begin) for run in runs]
        for name, runs in made.items()
    }


def lines(title: str, cells: Sequence[Cell]) -> list[str]:
    """A table for people."""
    head = f"{'predictor':<24}{'sensor':<13}{'min':>4}{'MAE':>9}{'/persist.':>11}{'95 %':>15}{'seeds':>15}"
    made = [title, head + f"{'labels':>9}{'wins':>6}  worst device"]
    for cell in cells:
        spread = f"{min(cell.seeds):.4f}..{max(cell.seeds):.4f}" if len(cell.seeds) > 1 else ""
        made.append(
            f"{cell.predictor:<24}{cell.sensor:<13}{cell.horizon_minutes:>4}{cell.mae:>9.4f}"
            f"{cell.over_persistence:>11.3f}{f'{cell.low:.3f}..{cell.high:.3f}':>15}{spread:>15}{cell.labels:>9}"
            f"{cell.wins:>6}  {cell.worst_device} {cell.worst_mae:.3f}"
        )
    return [*made, ""]


def anomalies(config: Config, stream: Readings, clean: Grid, begin: int, seeds: int) -> list[Rating]:
    """How the detector and its baselines do; the baselines, which are slow, with one seed."""
    ours = {"detector": partial(alarms, config)}
    theirs = {
        name: anomaly_baselines.judge(config, scores, clean, begin, config.detection.false_alarms)
        for name, scores in (
            ("residual", anomaly_baselines.residual),
            ("half_space_trees", anomaly_baselines.half_space_trees),
        )
    }
    return [
        *ratings(config, ours, stream, clean, begin, range(seeds)),
        *ratings(config, theirs, stream, clean, begin, range(1)),
    ]


def anomaly_lines(rows: Sequence[Rating]) -> list[str]:
    """A table for people."""
    head = f"{'detector':<18}{'faults in':<13}{'kind':<7}{'recall':>8}{'delay':>7}{'event F1':>10}{'point F1':>10}"
    made = ["Anomalies: one fault of each kind a device and day", head + f"{'false/day':>11}{'without faults':>16}"]
    for row in rows:
        delay = f"{row.median_delay_minutes:.0f}" if np.isfinite(row.median_delay_minutes) else "-"
        made.append(
            f"{row.detector:<18}{row.faults_in:<13}{row.kind:<7}{row.recall:>8.3f}{delay:>7}{row.event_f1:>10.3f}"
            f"{row.point_f1:>10.3f}{row.false_per_device_day:>11.2f}{row.clean_false_per_device_day:>16.2f}"
        )
    return [*made, ""]


def failure_lines(config: Config, grid: Grid, broken: Sequence[failures.Failure]) -> list[str]:
    """What the detector says around batteries that fail, for people."""
    warned = failures.warnings(config, grid, alarms(config, grid), broken)
    return ["Batteries that fail", *(f"{one.device}: {_around(one)}" for one in warned), ""]


def _around(warned: failures.Warnings) -> str:
    before = ", ".join(f"{hours:.1f}" for hours in warned.before) or "none"
    after = "none" if np.isnan(warned.after_hours) else f"{warned.after_hours:.1f} h"
    return f"alarms in the day before (h): {before}; first one after: {after}; in {warned.bins:.0%} of that day's bins"


def row_of(rating: Rating) -> dict[str, Any]:
    """As JSON beside the forecasts' rows, whose keys it has too; a delay is null where most faults were not found."""
    named = {"predictor": f"anomalies_{rating.detector}", "sensor": rating.faults_in}
    delay = rating.median_delay_minutes if np.isfinite(rating.median_delay_minutes) else None
    return {**named, "horizon_minutes": None, "mae": None, **rating._asdict(), "median_delay_minutes": delay}


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Raw file, .txt or .gz.")
@click.option("--score-from", required=True, help="ISO moment; forecasts whose time comes from then on count.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Runs with other initial weights and draws.")
@click.option("--engine", type=click.Choice(["core", "flink"]), default="core", show_default=True)
@click.option("--joining/--no-joining", "joins", default=True, help="Whether devices without a past are looked at.")
@click.option("--anomalies/--no-anomalies", "faulty", default=True, help="Whether faults are put in and looked for.")
def main(data: Path, score_from: str, format_: str, seeds: int, engine: str, joins: bool, faulty: bool) -> None:
    """Stream a file through the learning core, or through the real job; print how far every predictor was off."""
    config = Config()
    begin = bin_of(config, score_from)
    with tempfile.TemporaryDirectory(prefix="fedlog-quality-") as cache:
        prepared = prepare(data, data.name, Path(cache))
        devices, stream = grid(config, prepared), readings(prepared)
        broken = failures.grid_of(config, prepared) if format_ == "table" and engine == "core" else None
    if begin >= devices.grid.first + len(devices.grid.values):
        raise click.BadParameter(f"{data} ends before {score_from}")
    if engine == "flink":
        made = {"persistence": predictors.persistence(config, devices.grid), **forecasts(config, data, devices)}
        parts = {name: [within(devices.grid, absolute(config, devices.grid, run), begin)] for name, run in made.items()}
        seeds, joins, faulty = 1, False, False
    else:
        parts = all_devices(config, devices, begin, range(seeds))
    tables = {"all devices": table(config, devices.names, parts)}
    if joins and joining.days(config, devices.grid, begin):
        joined = joining.together(config, devices.grid, begin, seed=0)
        order = np.concatenate(joining.groups(devices.grid, seed=0))
        names = tuple(devices.names[i] for i in order) * len(joining.days(config, devices.grid, begin))
        for title, some in (("cold", joined), ("young", joining.young(config, joined))):
            cells = table(config, names, {name: [part] for name, part in some.items()})
            tables[title] = [cell._replace(predictor=f"{cell.predictor}_{title}") for cell in cells]
    # What is usual must have been seen, and how often it is left.
    faulty &= begin - devices.grid.first >= 2 * config.day
    rated = anomalies(config, stream, devices.grid, begin, seeds) if faulty else []
    if format_ == "json":
        rows = [cell._asdict() for cells in tables.values() for cell in cells] + [row_of(rating) for rating in rated]
        click.echo(json.dumps(rows, indent=1))
        return
    titles = {
        "all devices": f"{data.name}, scored from {score_from}, seeds 0 to {seeds - 1}",
        "cold": f"Devices that join with no past, {joining.TOGETHER} at a time, over their first day",
        "young": "The same over their first six hours",
    }
    click.echo("\n".join(line for name, cells in tables.items() for line in lines(titles[name], cells)))
    if rated and broken:
        click.echo("\n".join(anomaly_lines(rated) + failure_lines(config, *broken)))


if __name__ == "__main__":
    main()
