"""A machine that is busy beside fails no test: speed is measured in ``benchmarks``."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
