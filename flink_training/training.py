"""The keyed, broadcast-connected process function: Flink's state around the pure device step."""

import logging
from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedBroadcastProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from flink_training.device import FleetModel, fill, learn
from forecaster import weights
from forecaster.bins import ClockJumpError, LateReadingError
from forecaster.config import Config
from forecaster.knowledge import architecture
from forecaster.weights import WeightsError
from schemas.codec import Codec, UndecodableRecord
from schemas.events import Event, GlobalModel
from schemas.wire import Origin, dead_letter

logger = logging.getLogger(__name__)

STAGE = "flink_training"
BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
RECORD = Types.ROW_NAMED(
    ["topic", "key", "value", "headers", "ts"],
    [Types.STRING(), BYTES, BYTES, Types.MAP(Types.STRING(), BYTES), Types.LONG()],
)
"""A record to be written: topic, key, value, headers, timestamp in ms."""
MODELS = MapStateDescriptor("global_models", Types.LONG(), BYTES)
REMEMBERED = 16
"""Global models kept: more than can be ripe and unadopted at a time."""


class TrainDevices(KeyedBroadcastProcessFunction):  # type: ignore[misc]
    """Readings in, records of ``local_updates``, ``predictions`` and ``dead_letters`` out.

    An input row is a raw Kafka record: key, value, partition, offset, timestamp (ms). What cannot be digested becomes
    a dead letter; the registry being away is an error of the job, which Flink restarts from its checkpoint.
    """

    def __init__(self, config: Config, registry: str) -> None:
        self.config = config
        self.registry = registry
        self.models: dict[int, FleetModel] | None = None

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state; two of them, as one changes with every reading and the other, larger, with every bin."""
        self.codec = Codec(self.registry)
        self.open_bin = runtime_context.get_state(ValueStateDescriptor("open_bin", Types.PICKLED_BYTE_ARRAY()))
        self.training = runtime_context.get_state(ValueStateDescriptor("training", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Row, ctx: Any) -> Iterator[Row]:
        """One raw record of ``iot_stream``."""
        origin = _origin("iot_stream", value)
        if self.models is None:
            # After a restart the models are in the broadcast state only.
            known = (self._model(raw) for _, raw in ctx.get_broadcast_state(MODELS).items())
            self.models = {model.version: self._fleet(model) for model in known}
        try:
            reading = self.codec.decode("iot_stream", value[1], value[0])
            opened, closed = fill(self.config, self.open_bin.value(), reading, origin.offset)
        except (UndecodableRecord, LateReadingError, ClockJumpError) as error:
            yield self._row(dead_letter(STAGE, origin, value[1] or b"", error))
            return
        self.open_bin.update(opened)
        if closed is None:
            return
        # Only a bin that closes touches the large state: this is device.step, split at that seam.
        partition = origin.partition
        training, events = learn(self.config, self.training.value(), closed, reading, partition, self.models)
        self.training.update(training)
        for event in events:
            yield self._row(event)

    def process_broadcast_element(self, value: Row, ctx: Any) -> Iterator[Row]:
        """One raw record of ``global_models``."""
        try:
            model = self._model(value[1])
            fleet = self._fleet(model)
        except (UndecodableRecord, WeightsError) as error:
            yield self._row(dead_letter(STAGE, _origin("global_models", value), value[1] or b"", error))
            return
        state = ctx.get_broadcast_state(MODELS)
        state.put(model.version, value[1])
        for old in [version for version in state.keys() if version <= model.version - REMEMBERED]:  # noqa: SIM118
            state.remove(old)
        if self.models is not None:
            self.models[model.version] = fleet
            self.models = {v: m for v, m in self.models.items() if v > model.version - REMEMBERED}

    def _model(self, raw: bytes) -> GlobalModel:
        model: Any = self.codec.decode("global_models", raw)
        if model.architecture != architecture(self.config):
            raise WeightsError(f"architecture {model.architecture} is not the job's {architecture(self.config)}")
        return model

    def _fleet(self, model: GlobalModel) -> FleetModel:
        return FleetModel(model.window_end, weights.from_bytes(self.config, model.weights))

    def _row(self, event: Event) -> Row:
        record = self.codec.encode(event)
        return Row(record.topic, record.key, record.value, dict(record.headers), record.timestamp)


def _origin(topic: str, value: Row) -> Origin:
    return Origin(topic, value[2], value[3], value[0], value[4])
