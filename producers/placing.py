"""Where the devices of a data set are: by the file that is given, or else by what is known of the data."""

import logging
from pathlib import Path
from typing import NamedTuple

from producers import intel_lab, lab, synthetic
from producers.dataset import DataError, DataSet
from producers.download import DownloadError
from schemas.positions import Position, PositionsError, positions

_log = logging.getLogger(__name__)


class NotToldError(LookupError):
    """Nobody says where the devices are; the message says why."""


class Told(NamedTuple):
    """Where devices are (metres), and who says so."""

    positions: dict[str, Position]
    source: str


def told(data: DataSet, path: str, file: Path | None, cache: Path) -> Told | None:
    """Where the devices of a data set are; None where nobody says it, which is no news of them.

    Args:
        data: whose devices they are.
        path: what was asked for as data; empty for the published file.
        file: lines ``id x y``, metres; it says all, whatever the data set is.
        cache: folder for downloads.

    Raises:
        DataError: the file cannot be read, or is none of positions.
    """
    try:
        return _told(data, path, file, cache)
    except NotToldError as error:
        _log.warning("no map: nobody says where the devices are (%s); give a file as POSITIONS", error)
        return None


def _told(data: DataSet, path: str, file: Path | None, cache: Path) -> Told:
    if file:
        return _read(file)
    if (seed := synthetic.seed_of(data.name)) is not None and not data.devices:
        places = lab.positions(seed).round(2).tolist()
        return Told({data.device_id(n): (x, y) for n, (x, y) in enumerate(places, start=1)}, "producers.lab")
    if data.name == intel_lab.NAME and not data.devices:
        return _intel_lab(path, cache)
    raise NotToldError(f"{data.name} comes without positions")


def _intel_lab(path: str, cache: Path) -> Told:
    """As published: from beside the file that was given, or from where that was downloaded from."""
    if path:
        beside = Path(path).parent / intel_lab.LOCATIONS
        if not beside.is_file():
            raise NotToldError(f"there is no {intel_lab.LOCATIONS} beside {path}")
        return _read(beside)
    try:
        return _read(intel_lab.locations(cache))
    except DownloadError as error:
        raise NotToldError(f"the published ones cannot be had: {error}") from error


def _read(file: Path) -> Told:
    try:
        return Told(positions(file.read_text("utf-8")), file.name)
    except (OSError, PositionsError, UnicodeDecodeError) as error:
        raise DataError(f"{file} says no positions: {error}") from error
