"""lineitem of TPC-H at scale 1 (6,001,215 rows, 16 columns), made and written by tpchgen-cli.

Usage: tpch.py CODEC OUT        CODEC: zstd, snappy
"""

import subprocess
import sys
from pathlib import Path

from common import THREADS, measure

LINEITEM_ROWS_AT_SCALE_1 = 6_001_215
CODECS = {"zstd": "ZSTD(1)", "snappy": "SNAPPY"}

codec, out = sys.argv[1], Path(sys.argv[2])
path = out / f"tpch_{codec}"
command = [
    str(Path(sys.executable).parent / "tpchgen-cli"),
    *("parquet", "--compression", CODECS[codec]),
    *("--scale-factor", "1", "--tables", "lineitem"),
    *("--num-threads", str(THREADS), "--no-progress", "--overwrite"),
    *("--output-dir", str(path)),
]
measure(
    "tpchgen-cli",
    f"lineitem parquet-{codec}",
    LINEITEM_ROWS_AT_SCALE_1,
    path,
    lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
)
