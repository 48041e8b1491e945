"""Predictions in Parquet to JSON messages of ten by Spark, row n in group n mod rows/10.

Usage: spark_messages.py window|zip ROWS FOLDER OUT     FOLDER holds the input of messages.py

The number of a row comes from a window over all rows, or from `zipWithIndex`. The session and the
footer of the input are there before the time begins.
"""

import sys
from pathlib import Path

from common import measure
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as sql

THREADS = 2
GROUP_ROWS = 10


def by_window(predictions):
    """One partition takes all rows in their order: there is no other way to number them in SQL."""
    in_order = predictions.withColumn("place", sql.monotonically_increasing_id())
    return in_order.withColumn("number", sql.row_number().over(Window.orderBy("place")) - 1)


def by_index(predictions):
    """Rows leave the engine as Python objects, and come back with a number."""
    numbered = predictions.rdd.zipWithIndex().map(lambda pair: (*pair[0], pair[1]))
    return numbered.toDF(predictions.schema.add("number", "long"))


way, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
number = {"window": by_window, "zip": by_index}.get(way)
if number is None:
    sys.exit(f"unknown way {way!r}: expected window or zip")
path = Path(sys.argv[4]) / f"messages_spark_{way}"
builder = SparkSession.builder.master(f"local[{THREADS}]")
settings = {
    "spark.driver.memory": "8g",
    "spark.ui.enabled": "false",
    # Two hundred small tasks are not what two threads want.
    "spark.sql.shuffle.partitions": "8",
}
for key, value in settings.items():
    builder = builder.config(key, value)
session = builder.getOrCreate()
session.sparkContext.setLogLevel("ERROR")
predictions = session.read.parquet(str(folder / "predictions.parquet"))
names = predictions.columns
predictions.take(1)


def write():
    numbered = number(predictions)
    group = (sql.col("number") % (rows // GROUP_ROWS)).alias("group")
    body = sql.to_json(sql.collect_list(sql.struct(*names))).alias("value")
    numbered.groupBy(group).agg(body).select("value").write.text(str(path))


measure("spark", f"messages by {way}", rows, path, write)
