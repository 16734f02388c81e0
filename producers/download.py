"""A file over HTTP that survives interruptions and is what it says it is."""

import hashlib
import logging
import re
from pathlib import Path
from typing import NamedTuple

import httpx
from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_exponential

from producers.arrival import Arrival

ATTEMPTS = 3
TIMEOUT = httpx.Timeout(20.0, connect=5.0)  # seconds; an address that does not answer is given up quickly
_log = logging.getLogger(__name__)


class Published(NamedTuple):
    """A file as its publisher offers it: address, bytes, SHA-256 in hex."""

    url: str
    size: int
    sha256: str


class DownloadError(OSError):
    """The file could not be had."""


class ChecksumError(DownloadError):
    """What came is not the published file."""


def fetch(published: Published, target: Path, wait: float = 1.0) -> Path:
    """The file at ``target``, downloaded unless it is there already.

    Bytes are gathered in ``<target>.part``, and a later call goes on where it ends; the file gets its name only after
    its checksum is right.

    Args:
        published: what to get.
        target: where it shall lie.
        wait: seconds before the second attempt, doubled before each further one.

    Raises:
        ChecksumError: size or SHA-256 differ; nothing of it is kept.
        DownloadError: the address could not be reached, or refused, ``ATTEMPTS`` times.
    """
    if target.exists():
        if sha256(target) == published.sha256:
            return target
        _log.warning("%s is not the published file (its SHA-256 differs): downloading it again", target)
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=wait),
        retry=retry_if_exception_type(httpx.HTTPError),
        before_sleep=before_sleep_log(_log, logging.WARNING),
        reraise=True,
    )
    try:
        attempts(_download, published, part)
    except httpx.HTTPError as error:
        raise DownloadError(f"{published.url}: {type(error).__name__}: {error}") from error
    size, digest = part.stat().st_size, sha256(part)
    if (size, digest) != (published.size, published.sha256):
        part.unlink()
        raise ChecksumError(
            f"{published.url} gave {size:,} bytes with SHA-256 {digest}, "
            f"published are {published.size:,} with {published.sha256}"
        )
    return part.replace(target)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(published: Published, part: Path) -> None:
    """Append to ``part`` what is missing.

    Raises:
        httpx.HTTPError: connection, status or a body that ends early.
    """
    have = part.stat().st_size if part.exists() else 0
    if have >= published.size:
        return  # the checksum decides
    # gzip is the file here, not how it travels: a server or proxy must not be asked to pack it again.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with httpx.stream("GET", published.url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT or _first_byte(response) != have:
            have = 0  # the server sends all of it
        with (
            part.open("ab" if have else "wb") as file,
            Arrival(published.url, published.size, have) as arrival,
        ):
            for chunk in response.iter_raw():
                file.write(chunk)
                arrival.note(len(chunk))
                if file.tell() > published.size:
                    return  # something else altogether: the checksum says so


def _first_byte(response: httpx.Response) -> int:
    """Where a partial answer begins, by its Content-Range; -1 where it does not say."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1
