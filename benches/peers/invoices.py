"""Eight columns of an invoice, every one random, made and written by DuckDB.

Usage: invoices.py FORMAT ROWS OUT        FORMAT: parquet-zstd, parquet-snappy, csv, json
"""

import sys
from pathlib import Path

from common import DUCKDB_FORMATS, duckdb_connection, measure

form, rows, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
path = out / f"invoices.{form}"
QUERY = f"""
    SELECT
        i AS invoice_id,
        CAST(1 + random() * 99999 AS BIGINT) AS customer_id,
        CAST(1 + random() * 999 AS INT) AS seller_id,
        CAST(1 + random() * 9999 AS INT) AS product_id,
        CAST(1 + random() * 9 AS INT) AS quantity,
        CAST(1 + random() * 999 AS DECIMAL(10, 2)) AS unit_price,
        TIMESTAMP '2023-01-01' + INTERVAL 1 MINUTE * CAST(random() * 525600 AS INT) AS issued_at,
        (['SP', 'SP', 'SP', 'RJ', 'MG'])[CAST(1 + random() * 4 AS INT)] AS state
    FROM range({rows}) numbers(i)
"""
connection = duckdb_connection()
copy = f"COPY ({QUERY}) TO '{path}' ({DUCKDB_FORMATS[form]})"
measure("duckdb", f"bench table {form}", rows, path, lambda: connection.execute(copy))
