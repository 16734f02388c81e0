"""What the job keeps in Flink's state, by name and type; another kind of it is another ``STATE_VERSION``."""

from pyflink.common import Types
from pyflink.datastream.state import ListStateDescriptor, MapStateDescriptor, ValueStateDescriptor

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
MODELS = MapStateDescriptor("global_models", Types.LONG(), BYTES)
"""Broadcast: raw records of ``global_models`` by version."""
DEVICE = ValueStateDescriptor("device", Types.PICKLED_BYTE_ARRAY())
"""All that a device has learned."""
WAITING = ListStateDescriptor("waiting", BYTES)
"""In step: batches of a device that models may still come for."""
