"""The sink connector: every topic into MongoDB, every model into a file, and both again by replay."""
