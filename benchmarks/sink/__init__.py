"""Our sink beside MongoDB's own connector: what each writes, and how fast."""
