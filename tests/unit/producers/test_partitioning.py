from producers.partitioning import partition_of


def test_agrees_with_the_vectors_of_the_java_client():
    vectors = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for key, hashed in vectors.items():
        for partitions in (1, 4, 7):
            assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions
