"""The parts of a prediction's id, as ``schemas/forecasts.py`` puts them together."""

import re
from typing import NamedTuple, Self

from schemas.forecasts import prediction_id

_FORM = re.compile(r"(?P<source>[^/]+)/(?P<device>.+)/(?P<minutes>\d+)/(?P<made_at>\d+)(?:/v(?P<version>\d+))?")


class NotAnIdError(ValueError):
    """The text is not of the form that predictions' ids have."""


class Name(NamedTuple):
    """What an id says: moments in ms; ``version`` only where several models forecast the same moment."""

    source: str
    device_id: str
    horizon_ms: int
    made_at: int
    version: int | None

    @classmethod
    def of(cls, text: str) -> Self:
        """The name in ``text``.

        Raises:
            NotAnIdError: naming the form.
        """
        found = _FORM.fullmatch(text)
        if not found:
            form = "source/device/horizon in minutes/made_at in ms, for batch with /v and the version"
            raise NotAnIdError(f"{text!r} is no prediction id, which is {form}")
        version = found["version"]
        minutes, made_at = int(found["minutes"]), int(found["made_at"])
        return cls(
            found["source"], found["device"], minutes * 60_000, made_at, None if version is None else int(version)
        )

    def __str__(self) -> str:
        """The id itself."""
        return prediction_id(self.source, self.device_id, self.horizon_ms, self.made_at, self.version)
