"""The learning core: pure functions in JAX, Flax and Optax. No Kafka, no engine, no clock, no file."""
