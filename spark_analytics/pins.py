"""Which model version each micro-batch uses: decided once, written down before anything is emitted.

A micro-batch that is run again after a crash finds its pin and emits the same events under the same ids.
"""

import json
import os
from pathlib import Path


class PinnedTwiceError(ValueError):
    """A micro-batch follows an older event of ``global_models`` than the batch before."""


class Pins:
    """The pins of a query, one line each in a file beside its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions: dict[int, int] = {}
        self.followed = 0
        if path.exists():
            # A line that a crash cut short was never acted upon: the batch had not gone on.
            for line in path.read_text().splitlines():
                try:
                    pin = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.versions[pin["batch"]] = pin["version"]
                self.followed = pin["followed"]

    def pin(self, batch: int, newest: int, champion: int) -> int:
        """The version of micro-batch ``batch``: the one it was pinned to, else ``champion``, from now on.

        Args:
            batch: its number.
            newest: the newest version on the log, whose word is followed.
            champion: the one that it says everybody stands on; older than that of the batch before after a rollback.

        Raises:
            PinnedTwiceError: the word followed would go back.
        """
        if batch in self.versions:
            return self.versions[batch]
        if newest < self.followed:
            raise PinnedTwiceError(f"batch {batch} would go back to what version {newest} says")
        with self.path.open("a") as file:
            file.write(f"\n{json.dumps({'batch': batch, 'version': champion, 'followed': newest})}")
            file.flush()
            os.fsync(file.fileno())
        self.versions[batch], self.followed = champion, newest
        return champion
