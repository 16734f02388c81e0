"""How fast the training job is, beside its baselines in the same run, and where its time goes."""
