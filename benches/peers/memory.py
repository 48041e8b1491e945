"""Rows that lakeseed made before, written by DuckDB from a table in its memory.

DuckDB has nothing to make here, so this is the cost of writing alone. Loading is not timed.

Usage: memory.py FORMAT NAME FOLDER OUT

FORMAT is parquet-zstd, parquet-snappy, csv or json; FOLDER holds the rows in Parquet.
"""

import sys
from pathlib import Path

from common import DUCKDB_FORMATS, duckdb_connection, measure

form, name, source, out = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
path = out / f"{name}.{form}"
connection = duckdb_connection()
connection.execute(f"CREATE TABLE made AS FROM read_parquet('{source}/*.parquet')")
(rows,) = connection.execute("SELECT count(*) FROM made").fetchone()
copy = f"COPY made TO '{path}' ({DUCKDB_FORMATS[form]})"
measure("duckdb", f"{name} {form}, from memory", rows, path, lambda: connection.execute(copy))
