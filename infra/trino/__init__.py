"""What a Trino over the sink's MongoDB needs (docs/trino.md)."""
