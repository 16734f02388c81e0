"""Evaluation on Spark: streaming with a hot-swapped model, batch over the whole topic."""

STATE_VERSION = 4
"""Of what the query keeps in Spark's state; checkpoints of another version are left alone, and the topic read anew."""
