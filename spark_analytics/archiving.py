"""``python -m spark_analytics.archiving FILE``: have a JVM write the file of ``class_archive``."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd
from pyspark.sql import SparkSession

from spark_analytics import class_archive


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def main(file: Path) -> None:
    """Have a JVM do a little of everything, and write FILE when it ends."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    draft = file.resolve().with_suffix(".draft")
    draft.unlink(missing_ok=True)
    builder = SparkSession.builder.master("local[1]")
    for name, value in {
        "spark.driver.extraJavaOptions": f"{class_archive.written(draft)} -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    jvm = spark.sparkContext._gateway.proc
    work(spark)
    spark.stop()
    jvm.stdin.close()
    jvm.wait()
    if not draft.exists():
        raise click.ClickException(f"Spark's JVM has written no {draft}")
    draft.replace(file)


def work(spark: SparkSession) -> None:
    """A little of what all jobs do: rows through Python, grouped, joined, sorted."""

    def same(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield from parts

    numbers = spark.range(1000).selectExpr("id", "id % 7 AS day", "CAST(id AS STRING) AS name")
    passed = numbers.mapInPandas(same, numbers.schema)
    days = passed.groupBy("day").agg({"id": "sum", "name": "max"})
    days.join(numbers, "day").orderBy("id").toPandas()


if __name__ == "__main__":
    main()
