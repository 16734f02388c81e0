"""Which data is replayed. Whatever is not the published file says so loudly."""

import logging
import re
from pathlib import Path

from producers import intel_lab, own, synthetic
from producers.dataset import DataError, DataSet, prepare
from producers.download import DownloadError

_log = logging.getLogger(__name__)


def open_source(
    data: str, cache: Path, seed: int, days: int, on_log: str | None = None, reader: Path | None = None
) -> DataSet:
    """The data set that is asked for.

    Args:
        data: a path; ``synthetic``; or empty for the published file, with synthetic data where it cannot be had.
        cache: folder for downloads and what is made of them.
        seed: of synthetic data.
        days: length of synthetic data.
        on_log: the data set whose replay the log already holds: with nothing asked for, that one goes on.
        reader: the file that knows how to read ``data``, which is a path then (``producers.own``).

    Raises:
        DataError: there is no such file, it holds no valid row, or what the log holds cannot be continued.
    """
    if reader:
        if not data or data == synthetic.ASKED:
            raise DataError(f"{reader} reads a file, or a folder: name it as DATA")
        return own.prepare(Path(data), reader, cache)
    if data == synthetic.ASKED:
        return _synthetic(cache, seed, days, "it was asked for")
    if data:
        path = Path(data)
        if not path.is_file():
            raise DataError(f"{path} is not a file (DATA is a path, or `{synthetic.ASKED}`, or empty)")
        return prepare(path, name_of(path), cache)
    if on_log and on_log != intel_lab.NAME:
        # A download that works today must not end a replay that began without it yesterday.
        continued = synthetic.seed_of(on_log)
        return _synthetic(cache, seed if continued is None else continued, days, f"the log holds {on_log}")
    try:
        return prepare(intel_lab.download(cache), intel_lab.NAME, cache)
    except DownloadError as error:
        if on_log == intel_lab.NAME:
            raise DataError(
                f"the log holds a replay of {on_log} and its file cannot be had: {error}; "
                "give the path of a copy as DATA"
            ) from error
        return _synthetic(cache, seed, days, f"the published file cannot be had ({error})")


def name_of(path: Path) -> str:
    """``intel_lab``, or for a file written by ``producers.synthetic`` the name that says so."""
    match = re.match(r"synthetic-seed\d+", path.name)
    return match[0] if match else intel_lab.NAME


def _synthetic(cache: Path, seed: int, days: int, why: str) -> DataSet:
    name = synthetic.name(seed)
    for line in (
        "=" * 78,
        "SYNTHETIC DATA, NOT MEASUREMENTS: %s",
        "Every event carries dataset=%s. For real readings give a file as DATA.",
        "=" * 78,
    ):
        _log.warning(line, *([why] if "NOT" in line else [name] if "dataset" in line else []))
    return prepare(synthetic.write(cache, seed, days), name, cache)
