"""The task that keeps a folder of model files: the newest of every device, every version of the global model."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from mongo_sink import positions
from mongo_sink.config import ModelFilesConfig
from mongo_sink.model_files import (
    NotAModelError,
    arrays_of,
    content_of,
    path_of,
    read_metadata,
    sync,
    write_atomically,
)
from mongo_sink.positions import Place, Positions
from mongo_sink.task import Properties, SinkRecord, SinkTaskContext
from schemas.codec import event_of
from schemas.events import GlobalModel, LocalUpdate

Model = LocalUpdate | GlobalModel
LOG = logging.getLogger(__name__)
FOLDERS = ("local", "global")


class ModelFileSinkTask:
    """``local/<device_id>.safetensors`` and ``global/v000042.safetensors`` below ``models.directory``."""

    server_seconds = 0.0

    def __init__(self, context: SinkTaskContext) -> None:
        self._context = context
        self._held: dict[Path, int] = {}  # what each file holds, where it was looked up already
        self._positions: dict[Place, int] = {}

    def start(self, config: Properties) -> None:
        """Make the folders; remove the drafts that a crash left."""
        self._root = ModelFilesConfig.of(config).directory
        for name in FOLDERS:
            folder = self._root / name
            folder.mkdir(parents=True, exist_ok=True)
            for draft in folder.glob(".*.tmp"):
                draft.unlink()

    def open(self, places: Sequence[Place]) -> Positions:
        """Where the folder says that each partition goes on."""
        self._positions = positions.read(self._root)
        return {place: offset for place, offset in self._positions.items() if place in places}

    def converted(self, records: Sequence[SinkRecord]) -> list[tuple[Model, SinkRecord]]:
        """Their models, the newest first."""
        return newest_first(records)

    def put(self, converted: list[tuple[Model, SinkRecord]]) -> None:
        """Write the files that the batch makes newer."""
        for event, record in converted:
            try:
                self._write(event)
            except NotAModelError as error:
                self._context.report(record.origin, record.value, error)

    def flush(self) -> None:
        """Make the renames durable."""
        for name in FOLDERS:
            sync(self._root / name)

    def pre_commit(self, held: Positions) -> None:
        """Note up to where the files hold the log, beside them."""
        self._positions |= held
        positions.write(self._root, self._positions)

    def stop(self) -> None:
        """Nothing is open."""

    def _write(self, event: Model) -> None:
        path = self._root / path_of(event)
        arrays_of(event)  # of one that is overtaken too: what becomes a letter is no matter of how batches are cut
        held = self._rank_held(path)
        if held is not None and rank_of(event) <= held:
            return
        write_atomically(path, content_of(event))
        self._held[path] = rank_of(event)

    def _rank_held(self, path: Path) -> int | None:
        if path not in self._held:
            try:
                metadata = read_metadata(path)
            except NotAModelError as error:
                LOG.warning("%s; it is written anew", error)
                metadata = None
            if metadata is None:
                return None
            self._held[path] = int(metadata.get("sequence", 1))
        return self._held[path]


def rank_of(event: Model) -> int:
    """How new a file with this event is among those of its path; the greatest stays, among equals the first."""
    return event.sequence if isinstance(event, LocalUpdate) else 1


def newest_first(records: Iterable[SinkRecord]) -> list[tuple[Model, SinkRecord]]:
    """The order in which each file is written once: others of its path come later and are passed over, unless the
    first was no model.
    """
    models = [(_model(record), record) for record in records]
    return sorted(models, key=lambda each: (-rank_of(each[0]), each[1].origin[:3]))


def _model(record: SinkRecord) -> Model:
    event = None if record.fields is None else event_of(record.origin.topic, record.fields)
    if not isinstance(event, LocalUpdate | GlobalModel):
        raise TypeError(f"{record.origin.topic} carries {type(event).__name__}, which is no model")
    return event
