"""Where Spark's Python workers are forked from: a process that has imported what they work with, once for all.

Each would do it for itself else, more than a second long, and hold its own copy. Nothing here may start a thread or
have JAX look for a device: what is forked must be one thread, and a worker begins with JAX anew.
"""

import gc

from pyspark import daemon, worker

from spark_analytics import folding

IMPORTED = (folding, worker)

if __name__ == "__main__":
    gc.freeze()  # so that a worker's collector writes to none of the pages that are shared
    daemon.manager()
