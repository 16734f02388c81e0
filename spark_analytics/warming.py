"""Python workers made ready before the first micro-batch, so that none compiles in the middle of a later one."""

import gc
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from forecaster import course, evaluator
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import initial
from spark_analytics.session import CORES


def warm(spark: SparkSession) -> None:
    """Have every worker compile.

    A task of the query has two operators in Python, each in a worker of its own, and any worker may come to be either.
    The first alone: what it compiles lies in the cache for the others.
    """

    def compiled(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        config = Config()
        nothing = np.zeros((1, len(Summary._fields), len(SENSORS)), np.float32)
        start, model = evaluator.begin(config), course.numbers(initial(config))
        evaluator.run(config, start, np.zeros(1, np.int64), nothing, model, 0, np.zeros(1, np.int32))
        gc.freeze()
        yield from parts

    spark.range(0, 1, numPartitions=1).mapInPandas(compiled, "id BIGINT").collect()
    everywhere = spark.range(0, CORES, numPartitions=CORES)
    everywhere.mapInPandas(compiled, "id BIGINT").mapInPandas(compiled, "id BIGINT").collect()
