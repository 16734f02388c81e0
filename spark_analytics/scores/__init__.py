"""What the forecasts on the log were worth: the topic ``predictions`` with each id once, summed up by Spark alone.

A *run* is what is judged together: ``local``, ``stream``, and of ``batch`` each version by itself, e.g. ``batch/v7``.
"""
