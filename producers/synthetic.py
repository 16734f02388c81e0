"""Readings that look like those of the Intel lab, made from a seed, in the same raw format with the same defects.

What is modelled: daily and office-hours cycles, warmth that neighbours share, humidity against temperature, sun and
lamps, batteries that fade, converters with finite steps, lost epochs in bursts, repeated epochs, disorder, empty
fields, and motes whose battery fails and whose values then mean nothing.
"""

import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from producers.cleaning import LOW_BATTERY
from producers.lab import DAY, EPOCH, MOTES, Climate, climate

ASKED = "synthetic"
VERSION = 1  # goes up when the same seed gives other bytes
START = np.datetime64("2004-03-01T00:00:00", "us")  # a Monday
FAILING = 3  # motes whose battery does not last
_log = logging.getLogger(__name__)
_Floats = npt.NDArray[np.float64]


def name(seed: int) -> str:
    """The data set's name, which is also how its files are named and recognised."""
    return f"synthetic-seed{seed}"


def seed_of(dataset: str) -> int | None:
    """The seed in a data set's name; ``None`` where it is not a synthetic one."""
    match = re.fullmatch(r"synthetic-seed(\d+)", dataset)
    return int(match[1]) if match else None


def write(folder: Path, seed: int, days: int) -> Path:
    """The raw file of a seed and a length, made unless it is there."""
    target = folder / f"{name(seed)}-{days}d-v{VERSION}.txt"
    if not target.exists():
        began = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}")
        part.write_bytes(generate(seed, days))
        part.replace(target)
        _log.info("generated %s in %.1f s", target.name, time.monotonic() - began)
    return target


def generate(seed: int, days: int) -> bytes:
    """The raw text: the same bytes for the same seed and days."""
    # The last epochs end before midnight, whatever a mote's delay: a lap is then as many days as were asked for.
    seconds = np.arange(0, days * DAY - 2 * EPOCH, EPOCH, dtype=np.float64)
    air = climate(seed, seconds)
    failing = np.random.default_rng([seed, 2]).permutation(MOTES)[:FAILING].tolist()
    text = []
    for mote in range(MOTES):
        end = failing.index(mote) if mote in failing else None
        text += _mote(np.random.default_rng([seed, 3, mote]), mote, seconds, air, end)
    text[len(text) // 3] = text[len(text) // 3][:31]  # a line cut short
    text[len(text) // 2] = re.sub(r"^((?:\S+ ){3})\d+", r"\g<1>65407", text[len(text) // 2])  # a radio error
    return ("\n".join(text) + "\n").encode()


def _mote(rng: np.random.Generator, mote: int, seconds: _Floats, air: Climate, failing: int | None) -> list[str]:
    """The lines of one mote, nearly in order."""
    epochs = _heard(rng, len(seconds))
    again = epochs[rng.random(len(epochs)) < 0.001]  # reported twice
    epochs = np.sort(np.concatenate([epochs, again]))
    n, t = len(epochs), seconds[epochs]
    temperature = air.temperature[mote, epochs] + rng.normal(0, 0.02, n)
    humidity = air.humidity[mote, epochs] + rng.normal(0, 0.08, n)
    light = air.light[mote, epochs] * np.exp(rng.normal(0, 0.02, n))
    voltage = _voltage(rng, t, temperature, seconds[-1], failing)
    dead = voltage < LOW_BATTERY - 0.02
    climb = np.clip((LOW_BATTERY - 0.02 - voltage) / 0.06, 0, 1)  # the converter saturates as the supply goes
    columns = (
        _steps(temperature + climb * 110, -38.4, 0.0098, 16383),
        _humid(np.where(dead, -3.9, humidity)),
        _steps(light, 0, 0.46, 4016),
        593.92 / np.round(593.92 / voltage),
    )
    empty = rng.random((4, n)) < np.array([[1e-5], [1e-5], [0.004], [1e-5]])
    empty |= rng.random(n) < 2e-5  # nothing measured at all
    delay = rng.uniform(1, EPOCH - 1) + np.cumsum(rng.normal(0, 1e-3, n)) + rng.exponential(0.05, n)
    moments = START + ((t + delay) * 1e6).astype("m8[us]")
    order = np.arange(n) + np.where(rng.random(n) < 0.005, rng.uniform(2, 40, n), 0)  # some come late
    return list(_format(mote, moments, epochs, columns, empty, np.argsort(order, kind="stable")))


def _heard(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """The epochs that arrive: spells of good and of bad radio, and a loss all over."""
    spells = rng.geometric(1 / 40, n // 10 + 2)  # more than enough to cover n
    good = np.repeat(np.arange(len(spells)) % 2 == 0, spells)[:n]
    return np.flatnonzero(np.resize(good, n) & (rng.random(n) < 0.95) | (rng.random(n) < rng.uniform(0.1, 0.5)))


def _voltage(rng: np.random.Generator, t: _Floats, temperature: _Floats, end: float, failing: int | None) -> _Floats:
    """Battery voltage: fades, higher when warm; a failing one falls off between 45 and 85 % of the time."""
    full = rng.uniform(2.58, 2.85)
    volts = full - 0.004 * t / DAY + 0.002 * (temperature - 21) + rng.normal(0, 0.002, len(t))
    if failing is not None:
        gone = t / max(end, 1) - (0.45 + 0.2 * failing)
        volts -= np.clip(gone + 0.15, 0, None) * 1.2 + np.clip(gone, 0, None) * 3
    return np.clip(volts, 1.9, 3.2)


def _steps(values: _Floats, zero: float, step: float, full: int) -> _Floats:
    """What a converter of ``full`` counts makes of the values."""
    return zero + step * np.clip(np.round((values - zero) / step), 0, full)


def _humid(values: _Floats) -> _Floats:
    """What the humidity sensor makes of %RH: its counts bend the scale."""
    counts = np.round((0.0405 - np.sqrt(0.0405**2 - 4 * 2.8e-6 * (np.clip(values, -4, 100) + 4))) / (2 * 2.8e-6))
    return -4 + 0.0405 * counts - 2.8e-6 * counts**2


def _format(
    mote: int,
    moments: npt.NDArray[np.datetime64],
    epochs: npt.NDArray[np.int64],
    columns: tuple[_Floats, ...],
    empty: npt.NDArray[np.bool_],
    order: npt.NDArray[np.int64],
) -> Iterator[str]:
    """The rows in raw format: six significant digits, fractions of a second without trailing zeros, empty fields."""
    when = [moment.replace("T", " ").rstrip("0") for moment in np.datetime_as_string(moments[order], "us").tolist()]
    for moment, epoch, values, gaps in zip(
        when,
        epochs[order].tolist(),
        np.stack(columns, axis=1)[order].tolist(),
        empty.T[order].tolist(),
        strict=True,
    ):
        head = f"{moment.rstrip('.')} {epoch} {mote + 1} "
        if True in gaps:
            yield head + " ".join("" if gap else f"{value:.6g}" for value, gap in zip(values, gaps, strict=True))
        else:
            yield "{}{:.6g} {:.6g} {:.6g} {:.6g}".format(head, *values)
