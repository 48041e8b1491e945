"""What all peers' scripts share: threads, timing, size, peak memory, and one JSON line as result.

The line has: peer, work, rows, seconds, rows_per_s, bytes, peak_mb. Only `do()` is timed: starting
the interpreter, importing the peer and preparing its input are not.
"""

import json
import os
import resource
import time
from pathlib import Path

THREADS = int(os.environ.get("PEER_THREADS", "2"))


def size_of(path):
    """Bytes of a file, or of all files in a folder."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def peak_mb():
    """The most memory that was resident in this process or in one that it waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return round(max(resource.getrusage(w).ru_maxrss for w in who) / 1024)


def measure(peer, work, rows, path, do):
    """Times `do()`, which writes `rows` rows to `path`, and prints the result line."""
    start = time.perf_counter()
    do()
    seconds = time.perf_counter() - start
    line = {
        "peer": peer,
        "work": work,
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_s": round(rows / seconds),
        "bytes": size_of(path),
        "peak_mb": peak_mb(),
    }
    print(json.dumps(line), flush=True)


def duckdb_connection():
    """DuckDB at its fastest for this: all threads that we take too, free to reorder rows."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads={THREADS}")
    connection.execute("SET preserve_insertion_order=false")
    return connection


# What follows COPY ... TO, by the names of formats that all scripts use.
DUCKDB_FORMATS = {
    "parquet-zstd": "FORMAT parquet, COMPRESSION zstd",
    "parquet-snappy": "FORMAT parquet, COMPRESSION snappy",
    "parquet-none": "FORMAT parquet, COMPRESSION uncompressed",
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json",
}
