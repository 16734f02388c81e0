"""Speed, memory and model quality, each beside its baseline."""
