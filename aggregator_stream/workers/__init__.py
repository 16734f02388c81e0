"""Several workers on one window: its members summed up by partition of ``local_updates``, and put together once."""
