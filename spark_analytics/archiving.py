"""``python -m spark_analytics.archiving JARS``: have a JVM write the file of ``class_archive``."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pandas as pd
from pyspark.sql import SparkSession

from spark_analytics import class_archive, session


@click.command()
@click.argument("jars", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(jars: Path) -> None:
    """Have a JVM with Spark's connectors, in JARS, do a little of everything, and write the file when it ends."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    file = class_archive.beside(jars.resolve())
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with TemporaryDirectory() as folder:
        spark = session.opened("archiving", jars, Path(folder), None, 0, class_archive.written(draft))
        work(spark)
        jvm = session.jvm_of(spark)
        spark.stop()
        assert jvm.stdin is not None
        jvm.stdin.close()  # the end that it waits for
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
