"""Evaluation on Spark: streaming with a hot-swapped model, batch over the whole topic."""
