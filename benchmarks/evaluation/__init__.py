"""How fast evaluation is on Spark, beside the same work without Spark and beside Spark used row by row."""
