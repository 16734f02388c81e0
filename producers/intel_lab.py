"""The published readings of the Intel Berkeley Research Lab, 2004."""

from pathlib import Path

from producers.download import Published, fetch

NAME = "intel_lab"
PUBLISHED = Published(
    "http://db.csail.mit.edu/labdata/data.txt.gz",
    34_422_518,
    "d99288c8f406ca6604d359ceaa0d8adfffa79e7095061a1e27dc4399f48c7225",
)


def download(cache: Path) -> Path:
    """The published file in ``cache``, fetched unless it is there.

    Raises:
        DownloadError: it cannot be had.
    """
    return fetch(PUBLISHED, cache / "intel_lab.data.txt.gz")
