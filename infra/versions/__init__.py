"""Looking into the versions of the global model: ``make inspect``, ``make diff``."""
