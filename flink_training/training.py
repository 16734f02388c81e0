"""What trains the devices of one task: Flink's state around the pure device step."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyflink.common import Row
from pyflink.datastream import RuntimeContext

from flink_training.device import Device, FleetModel, Readings, step
from flink_training.packing import Batch, Table, packed
from flink_training.state import DEVICE, MODELS, WAITING
from flink_training.waiting import newest, released
from forecaster.binning import Columns
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.weights import WeightsError
from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel
from schemas.wire import Origin, Record, dead_letter

logger = logging.getLogger(__name__)

STAGE = "flink_training"
REMEMBERED_MS = 2 * 86_400_000
"""Event time for which global models are kept behind the watermark: a device that was silent for longer, and then
closes its last bin, has no newer one to adopt."""


class Training:
    """Batches of readings in, packed records and forecasts out (``flink_training.packing``).

    What cannot be digested becomes a dead letter; the registry being away is an error of the job, which Flink restarts
    from its checkpoint.
    """

    def __init__(self, config: Config, registry: str, in_step: bool, runtime_context: RuntimeContext) -> None:
        """Bind the state. With ``in_step``, a batch waits until every model has come that can be due in it."""
        self.config, self.in_step = config, in_step
        self.models: dict[int, FleetModel] | None = None
        self.codec = Codec(registry)
        self.device = runtime_context.get_state(DEVICE)
        self.waiting = runtime_context.get_list_state(WAITING)

    def process_element(self, value: bytes, ctx: Any) -> Iterator[bytes]:
        """One packed batch of a device."""
        self._recall(ctx)
        if self.in_step:
            self.waiting.add(value)
            ctx.timer_service().register_event_time_timer(newest(value))
            return
        yield from self._train(value)

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[bytes]:
        """Both watermarks, of readings and of models, have reached the end of a batch."""
        self._recall(ctx)
        batches = list(self.waiting.get())
        count = released(batches, timestamp)
        self.waiting.update(batches[count:])
        for batch in batches[:count]:
            yield from self._train(batch)

    def process_broadcast_element(self, value: Row, ctx: Any) -> Iterator[bytes]:
        """One raw record of ``global_models``."""
        try:
            model = self._model(value[1])
            models = self._fleet(model)
        except (UndecodableRecord, WeightsError) as error:
            origin = Origin("global_models", value[2], value[3], value[0], value[4])
            logger.error("global_models/%d/%d: %s", value[2], value[3], error)
            yield packed([self.codec.encode(dead_letter(STAGE, origin, value[1] or b"", error))], [])
            return
        state = ctx.get_broadcast_state(MODELS)
        state.put(model.version, value[1])
        # What is gone back to may be known from this record alone, which must not be forgotten with its own version.
        for version in models.keys() - {model.version}:
            if not state.contains(version):
                state.put(version, value[1])
        if self.models is None:
            return
        self.models = models | self.models
        horizon = ctx.current_watermark() - REMEMBERED_MS
        old = {version for version, known in self.models.items() if known.window_end < horizon}
        # Stood on until something newer says otherwise, however old it is.
        kept = [known.panel for version, known in self.models.items() if version not in old]
        for version in old.difference(*filter(None, kept)):
            state.remove(version)
            del self.models[version]

    def _recall(self, ctx: Any) -> None:
        """After a restart the models are in the broadcast state only."""
        if self.models is None:
            self.models = {}
            # The newest last: what an operator went back to may be known from its own event or from the command's.
            for _, raw in sorted(ctx.get_broadcast_state(MODELS).items()):
                self.models = self._fleet(self._model(raw)) | self.models

    def _train(self, data: bytes) -> Iterator[bytes]:
        batch = Batch(data)
        sound, letters = self._sound(batch)
        if not len(sound):
            yield packed(letters, [])
            return
        readings = self._readings(batch, sound)
        assert self.models is not None
        device, outcome = step(self.config, self.device.value() or Device(), readings, self.models)
        self.device.update(device)
        letters += [self._letter(batch, int(sound[i]), error) for i, error in outcome.refused.items()]
        records = [*map(self.codec.encode, outcome.updates), *letters]
        named = readings.device_id, readings.dataset, readings.partition
        if records or outcome.forecasts:
            yield packed(records, [Table(*named, rows) for rows in outcome.forecasts])

    def _sound(self, batch: Batch) -> tuple[NDArray[np.int64], list[Record]]:
        """Which records are readings, and letters for the rest; what the JVM could not read, the codec may."""
        letters = []
        for i in np.flatnonzero(batch.records["sound"] == 0).tolist():
            try:
                reading = self.codec.decode("iot_stream", batch.value(i), batch.key(i))
            except UndecodableRecord as error:
                letters.append(self._letter(batch, i, error))
            else:
                batch.take(i, reading)
        return np.flatnonzero(batch.records["sound"]), letters

    def _readings(self, batch: Batch, sound: NDArray[np.int64]) -> Readings:
        last = int(sound[-1])
        newest = self.codec.decode("iot_stream", batch.value(last), batch.key(last))
        records = batch.records[sound]
        columns = Columns(records["event_time"], records["values"], records["offset"])
        return Readings(newest.device_id, newest.dataset, int(records["partition"][-1]), columns)

    def _letter(self, batch: Batch, i: int, error: Exception) -> Record:
        return self.codec.encode(dead_letter(STAGE, batch.origin(i), batch.value(i) or b"", error))

    def _model(self, raw: bytes) -> GlobalModel:
        model: Any = self.codec.decode("global_models", raw)
        if model.architecture != architecture(self.config):
            raise WeightsError(f"architecture {model.architecture} is not the job's {architecture(self.config)}")
        return model

    def _fleet(self, model: GlobalModel) -> dict[int, FleetModel]:
        """The models that an event brings: its own, and where it follows a command, the one that is gone back to."""
        known = FleetModel.of(self.config, model)
        if model.window_start < model.window_end:
            return {model.version: known}
        # An operator's word is due at once.
        known = known._replace(window_end=model.window_end - self.config.adoption_delay_ms)
        return {model.version: known, model.stands_on: known}
