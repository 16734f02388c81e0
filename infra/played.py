"""Which data set is played: what the log says, for a download may have failed and synthetic data have been made."""

from typing import NamedTuple

from infra.settings import Settings
from infra.topics import read
from schemas.codec import Codec, UndecodableRecord

SYNTHETIC = "synthetic"
"""What is asked for, and how the name of such a data set begins."""


class Said(NamedTuple):
    """A line for a person, and whether it is to be loud."""

    line: str
    loud: bool


def dataset(settings: Settings) -> str | None:
    """The data set of the first reading on the log, which holds one only; ``None`` where there is no reading yet.

    Raises:
        ClickException: Kafka does not answer.
    """
    codec = Codec(settings.registry)
    for message in read(settings, "iot_stream", last=None, follow=False):
        try:
            return str(codec.decode("iot_stream", message.value()).dataset)
        except UndecodableRecord:
            continue  # the stages have a letter of it
    return None


def said(settings: Settings, name: str | None) -> Said:
    """What is played, by the data set's name if the log has it already, else by what was asked for."""
    if (name or settings.data).startswith(SYNTHETIC):
        why = "" if settings.data else ", for the published file could not be had (`make logs SERVICE=producer`)"
        line = f"SYNTHETIC DATA, NOT MEASUREMENTS: {name or 'generated'}{why}. For real readings: `make up DATA=file`."
        return Said(line, loud=True)
    if name:
        return Said(f"Data: {name}, {settings.data or 'the published file'}", loud=False)
    asked = settings.data or "the published readings of the Intel Lab, or synthetic ones if they cannot be had"
    return Said(f"Data: {asked}; no reading is on the log yet (`make logs SERVICE=producer`)", loud=False)
