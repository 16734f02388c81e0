"""The training job: one network per device on Flink, fed by ``iot_stream``, steered by ``global_models``."""
