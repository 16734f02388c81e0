"""The training job: one network per device on Flink, fed by ``iot_stream``, steered by ``global_models``."""

STATE_VERSION = 10
"""Of what the job keeps in Flink's state; checkpoints of another version are left alone, and topics read anew."""
