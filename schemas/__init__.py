"""The contracts: one Avro record schema per topic, typed events, and the way they travel."""
