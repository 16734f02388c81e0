"""One page that a person can open: what was forecast, how well, and what became of the models."""
