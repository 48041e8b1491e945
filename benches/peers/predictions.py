"""A UUID and 30 uniform doubles a row, made and written as Parquet.

Usage: predictions.py PEER ROWS OUT

PEER is duckdb (zstd), duckdb-none (uncompressed) or numpy (zstd).
"""

import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import DUCKDB_FORMATS, THREADS, duckdb_connection, measure

CLASSES = 30
BATCH_ROWS = 500_000

peer, rows, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
path = out / f"predictions_{peer}.parquet"


def with_duckdb(form):
    connection = duckdb_connection()
    classes = ", ".join(f"random() AS class_{i}" for i in range(CLASSES))
    query = f"SELECT uuid()::VARCHAR AS id_client, {classes} FROM range({rows}) numbers(i)"
    copy = f"COPY ({query}) TO '{path}' ({DUCKDB_FORMATS[form]})"
    measure(peer, "predictions", rows, path, lambda: connection.execute(copy))


def with_numpy():
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [("id_client", pa.string())] + [(f"class_{i}", pa.float64()) for i in range(CLASSES)]
    schema = pa.schema(fields)
    starts = range(0, rows, BATCH_ROWS)

    def batch(start):
        count = min(BATCH_ROWS, rows - start)
        values = np.random.default_rng(start).random((CLASSES, count))
        ids = pa.array([str(uuid.uuid4()) for _ in range(count)])
        columns = [ids] + [pa.array(values[i]) for i in range(CLASSES)]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def write():
        with (
            pq.ParquetWriter(path, schema, compression="zstd") as writer,
            ThreadPoolExecutor(THREADS) as threads,
        ):
            for made in threads.map(batch, starts):
                writer.write_batch(made)

    measure(peer, "predictions", rows, path, write)


if peer == "duckdb":
    with_duckdb("parquet-zstd")
elif peer == "duckdb-none":
    with_duckdb("parquet-none")
elif peer == "numpy":
    with_numpy()
else:
    sys.exit(f"unknown peer {peer!r}: expected duckdb, duckdb-none or numpy")
