"""Predictions in Parquet to JSON messages of ten, or to JSON lines, written as text.

Usage: messages.py make ROWS FOLDER          the input: a UUID and 30 uniform doubles a row
       messages.py WAY ROWS FOLDER OUT       FOLDER holds that input

WAY is modulo (row n in group n mod rows/10), neighbours (row n in group n // 10) or lines.
"""

import sys
from pathlib import Path

from common import duckdb_connection, measure

CLASSES = 30
GROUP_ROWS = 10

way, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
source = folder / "predictions.parquet"
names = ["id_client"] + [f"class_{i}" for i in range(CLASSES)]


def make():
    connection = duckdb_connection()
    classes = ", ".join(f"random() AS class_{i}" for i in range(CLASSES))
    query = f"SELECT uuid()::VARCHAR AS id_client, {classes} FROM range({rows}) numbers(i)"
    connection.execute(f"COPY ({query}) TO '{source}' (FORMAT parquet)")


def grouped(group, path):
    """One array a group: the number of a row, taken before, decides its group."""
    fields = ", ".join(f"{name}: {name}" for name in names)
    numbered = f"SELECT *, (row_number() OVER ()) {group} AS g FROM '{source}'"
    query = f"SELECT to_json(list({{{fields}}})) AS payload FROM ({numbered}) GROUP BY g"
    return f"COPY ({query}) TO '{path}' (FORMAT csv, QUOTE '', HEADER false, DELIMITER '\\x01')"


if way == "make":
    make()
    sys.exit()
path = Path(sys.argv[4]) / f"messages_{way}.jsonl"
if way == "modulo":
    copy = grouped(f"% {rows // GROUP_ROWS}", path)
elif way == "neighbours":
    copy = grouped(f"// {GROUP_ROWS}", path)
elif way == "lines":
    copy = f"COPY (FROM '{source}') TO '{path}' (FORMAT json)"
else:
    sys.exit(f"unknown way {way!r}: expected make, modulo, neighbours or lines")
connection = duckdb_connection()
measure("duckdb", f"messages {way}", rows, path, lambda: connection.execute(copy))
