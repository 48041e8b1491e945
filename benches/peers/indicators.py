"""The indicators of the built-in star of retail: the same SQL over the same Parquet files.

Usage: indicators.py lakeseed PROGRAM MEMORY SOURCE STAR OUT   by `lakeseed star`, from a star without them
       indicators.py duckdb MEMORY SQL STAR OUT                each file of the folder SQL by DuckDB
       indicators.py same ANSWERS OTHER                        fails unless both folders hold the same answers

DuckDB is told that `/` divides whole numbers as the SQL standard has it. The time of ours has the start
of the process in it, the check of what stands, the page and the CSV files.
"""

import math
import shutil
import subprocess
import sys
from pathlib import Path

from common import DUCKDB_FORMATS, THREADS, duckdb_connection, measure

FOLDER = "indicators"


def tables(star):
    """The tables of a star, by name."""
    folders = sorted(folder for folder in star.iterdir() if any(folder.glob("*.parquet")))
    return {folder.name: f"{folder}/*.parquet" for folder in folders}


def rows_of(connection, star):
    counts = [f"SELECT count(*) AS n FROM '{files}'" for files in tables(star).values()]
    return connection.execute(f"SELECT sum(n)::BIGINT FROM ({' UNION ALL '.join(counts)})").fetchone()[0]


def lakeseed(program, memory, source, star, out):
    rows = rows_of(duckdb_connection(), star)
    shutil.rmtree(star / FOLDER, ignore_errors=True)
    command = [program, "star", "retail", "--from", source, "--out", star, "--memory", memory]
    command += ["--threads", str(THREADS), "--temp-in-memory", "--progress", "none", "--json"]

    def run():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    measure("lakeseed", FOLDER, rows, star / FOLDER, run)
    shutil.move(star / FOLDER, out / FOLDER)


def duckdb(memory, folder, star, out):
    connection = duckdb_connection()
    rows = rows_of(connection, star)
    connection.execute(f"SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{out / 'spilled'}'")
    connection.execute("SET integer_division = true")
    for name, files in tables(star).items():
        connection.execute(f"CREATE VIEW {name} AS FROM '{files}'")
    questions = {file.stem: file.read_text() for file in sorted(folder.glob("*.sql"))}

    def run():
        for name, question in questions.items():
            path = out / name / "answer.parquet"
            path.parent.mkdir()
            connection.execute(f"COPY ({question}) TO '{path}' ({DUCKDB_FORMATS['parquet-zstd']})")

    measure(f"duckdb {memory}", FOLDER, rows, out, run)


def same(one, other):
    """Row by row, in order; doubles to twelve digits."""
    connection = duckdb_connection()
    one, other = (tables(folder / FOLDER if (folder / FOLDER).is_dir() else folder) for folder in (one, other))
    if one.keys() != other.keys():
        sys.exit(f"error: expected the same indicators twice, got {sorted(one)} and {sorted(other)}")
    for name in one:
        answers = [connection.execute(f"FROM '{files[name]}'").fetchall() for files in (one, other)]
        is_same = len(answers[0]) == len(answers[1]) and all(map(rows_are_alike, *answers))
        if not answers[0] or not is_same:
            sys.exit(f"error: expected the same rows of {name} twice, got others")


def rows_are_alike(one, other):
    return len(one) == len(other) and all(map(are_alike, one, other))


def are_alike(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return one == other


match sys.argv[1:]:
    case ["lakeseed", program, memory, source, star, out]:
        lakeseed(program, memory, Path(source), Path(star), Path(out))
    case ["duckdb", memory, folder, star, out]:
        duckdb(memory, Path(folder), Path(star), Path(out))
    case ["same", one, other]:
        same(Path(one), Path(other))
    case _:
        sys.exit(__doc__)
