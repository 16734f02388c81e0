"""The keyed, broadcast-connected process function as the job graph knows it; what it does is in ``training``."""

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row
from pyflink.datastream import KeyedBroadcastProcessFunction, RuntimeContext

from forecaster.config import Config


class TrainDevices(KeyedBroadcastProcessFunction):  # type: ignore[misc]
    """Hands all to a ``training.Training``, which exists where the devices are trained and nowhere else."""

    def __init__(self, config: Config, registry: str, in_step: bool) -> None:
        """With ``in_step``, a batch waits until every model has come that can be due in it."""
        self.config, self.registry, self.in_step = config, registry, in_step

    def open(self, runtime_context: RuntimeContext) -> None:
        """Begin in a worker."""
        # Here, for Flink's client builds the graph at every restart of the job, and importing JAX takes it long.
        from flink_training.training import Training

        self.training = Training(self.config, self.registry, self.in_step, runtime_context)

    def process_element(self, value: bytes, ctx: Any) -> Iterator[bytes]:
        """One packed batch of a device."""
        return self.training.process_element(value, ctx)

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[bytes]:
        """What has waited until ``timestamp``."""
        return self.training.on_timer(timestamp, ctx)

    def process_broadcast_element(self, value: Row, ctx: Any) -> Iterator[bytes]:
        """One raw record of ``global_models``."""
        return self.training.process_broadcast_element(value, ctx)
