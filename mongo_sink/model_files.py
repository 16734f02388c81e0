"""Model files: what is in one, and how it is put in its place. Safetensors, with the event's scalars in the header."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from schemas.events import GlobalModel, LocalUpdate
from schemas.wire import iso

_LENGTH = 8  # bytes of the header's length, little-endian
_MOMENTS = ("event_time", "adopted_at", "closed_at", "window_start", "window_end")
LONGEST_NAME = 200  # bytes; file systems take 255


class NotAModelError(ValueError):
    """The event's weights are not safetensors, or its device cannot name a file."""


def path_of(event: LocalUpdate | GlobalModel) -> Path:
    """The file's path below the models' folder.

    Raises:
        NotAModelError: the device's id is too long for a file's name.
    """
    if isinstance(event, GlobalModel):
        return Path("global") / f"v{event.version:06d}.safetensors"
    # A device's id comes from outside: percent-encoding leaves no / and loses nothing.
    name = quote(event.device_id, safe="")
    if len(name) > LONGEST_NAME:
        raise NotAModelError(f"device_id of {len(event.device_id)} characters is too long for a file's name")
    return Path("local") / f"{name}.safetensors"


def metadata_of(event: LocalUpdate | GlobalModel) -> dict[str, str]:
    """The event's scalars as the text that a safetensors header holds; moments in ISO 8601."""
    shown: dict[str, Any] = {
        name: iso(int(value)) if name in _MOMENTS else value
        for name, value in event._asdict().items()
        if isinstance(value, str | int | float)
    }
    if isinstance(event, GlobalModel):
        shown["window"] = f"{shown['window_start']}/{shown['window_end']}"
        shown["strategy_parameters"] = json.dumps(event.strategy_parameters, sort_keys=True)
        shown["contributors"] = sum(c.outcome == "accepted" for c in event.contributions)
    return {name: str(shown[name]) for name in sorted(shown)}


def arrays_of(event: LocalUpdate | GlobalModel) -> dict[str, NDArray[Any]]:
    """The event's weights by name.

    Raises:
        NotAModelError: they are not safetensors.
    """
    try:
        return load(event.weights)
    except (SafetensorError, KeyError, ValueError) as error:
        raise NotAModelError(f"weights of {len(event.weights)} bytes are not safetensors: {error}") from error


def content_of(event: LocalUpdate | GlobalModel) -> bytes:
    """The file's content; the same event gives the same bytes.

    Raises:
        NotAModelError: the weights are not safetensors.
    """
    plain = save(arrays_of(event))
    # The library writes metadata in another order in every process; a view that is rebuilt shall be the same bytes.
    end = _LENGTH + int.from_bytes(plain[:_LENGTH], "little")
    header = {"__metadata__": metadata_of(event)} | json.loads(plain[_LENGTH:end])
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return len(text).to_bytes(_LENGTH, "little") + text + plain[end:]


def read_metadata(path: Path) -> dict[str, str] | None:
    """The header's metadata, or None where there is no such file.

    Raises:
        NotAModelError: the file is not safetensors.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except FileNotFoundError:
        return None
    except SafetensorError as error:
        raise NotAModelError(f"{path} is not safetensors: {error}") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: at every moment, and after a crash, there is the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def sync(folder: Path) -> None:
    """Make the renames in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
