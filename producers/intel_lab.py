"""The published readings of the Intel Berkeley Research Lab, 2004."""

from pathlib import Path

from producers.download import Published, fetch

NAME = "intel_lab"
PUBLISHED = Published(
    "http://db.csail.mit.edu/labdata/data.txt.gz",
    34_422_518,
    "d99288c8f406ca6604d359ceaa0d8adfffa79e7095061a1e27dc4399f48c7225",
)
LOCATIONS = "mote_locs.txt"
"""Where the motes are: lines ``id x y``, metres from the upper right corner of the lab."""
PUBLISHED_LOCATIONS = Published(
    f"http://db.csail.mit.edu/labdata/{LOCATIONS}",
    552,
    "3865c0263110c24c40e3377690cecaa552e0575cf56cdb9f5f8bd17130b6bf04",
)


def download(cache: Path) -> Path:
    """The published file in ``cache``, fetched unless it is there.

    Raises:
        DownloadError: it cannot be had.
    """
    return fetch(PUBLISHED, cache / "intel_lab.data.txt.gz")


def locations(cache: Path) -> Path:
    """The published positions in ``cache``, fetched unless they are there.

    Raises:
        DownloadError: they cannot be had.
    """
    return fetch(PUBLISHED_LOCATIONS, cache / f"intel_lab.{LOCATIONS}")
