"""Which partition a key belongs into."""

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=4096)
def partition_of(key: bytes, partitions: int) -> int:
    """As the Java client and librdkafka's ``murmur2_random`` decide it, so every client finds a key where we put it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
