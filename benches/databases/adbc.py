"""ADBC's ingest of rows that stand in memory: `adbc.py PARQUET URL TABLE`, one JSON line.

Only the ingest and its commit are timed: neither the start of the interpreter nor the reading of the
rows. The driver sends COPY BINARY.
"""

import json
import sys
import time
from pathlib import Path

import adbc_driver_postgresql.dbapi
import pyarrow
import pyarrow.parquet


def plain(table):
    """Dictionaries as their values: the driver knows no others."""
    fields = []
    for field in table.schema:
        kind = field.type
        fields.append(field.with_type(kind.value_type) if pyarrow.types.is_dictionary(kind) else field)
    return table.cast(pyarrow.schema(fields))


def main():
    folder, url, name = sys.argv[1:]
    files = sorted(Path(folder).glob("*.parquet"))
    table = plain(pyarrow.concat_tables([pyarrow.parquet.read_table(file) for file in files]))
    with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.adbc_ingest(name, table, mode="append")
        connection.commit()
        seconds = time.perf_counter() - start
    print(json.dumps({"rows": table.num_rows, "seconds": round(seconds, 3)}))


main()
