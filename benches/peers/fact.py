"""Answers of a school test to a fact: many rows, keys of text, almost half as many groups, no order.

Usage: fact.py make ROWS FOLDER              the answers, into FOLDER/answers.parquet
       fact.py duckdb MEMORY FOLDER OUT      the fact by DuckDB, in so much memory as `512MB`
       fact.py same FACT OTHER               fails unless both folders hold the same fact

The sizes are those of a state-wide test (315,177 pupils, 1,481 schools, 78 towns, nine grades): 26
million answers have 12.4 million groups.
"""

import sys
from pathlib import Path

from common import DUCKDB_FORMATS, duckdb_connection, measure

KEYS = "state, town, school, grade, pupil, test, descriptor"
PUPILS, SCHOOLS, TOWNS, GRADES, ITEMS, DESCRIPTORS = 315_177, 1_481, 78, 9, 24, 162


def make(rows, folder):
    """Each answer draws its pupil, subject and item alone: equal keys stand far from each other."""
    query = f"""
        SELECT
            'ES' AS state,
            printf('Town %02d', school % {TOWNS}) AS town,
            printf('%08d', 32000000 + school) AS school,
            grade,
            pupil,
            printf('2025_%s_%d_first', subject, grade) AS test,
            printf('D%03d', (grade * 17 + item * 5 + ascii(subject)) % {DESCRIPTORS}) AS descriptor,
            CAST(hash(number, 'right') % 100 < 62 AS INT) AS is_right
        FROM (
            SELECT
                number,
                CAST(hash(number, 'pupil') % {PUPILS} AS BIGINT) AS pupil,
                pupil * {SCHOOLS} // {PUPILS} AS school,
                CAST(school % {GRADES} + 1 AS INT) AS grade,
                CASE hash(number, 'subject') % 2 WHEN 0 THEN 'MAT' ELSE 'POR' END AS subject,
                CAST(hash(number, 'item') % {ITEMS} AS INT) AS item
            FROM range({rows}) numbers(number)
        )
    """
    path = folder / "answers.parquet"
    duckdb_connection().execute(f"COPY ({query}) TO '{path}' ({DUCKDB_FORMATS['parquet-zstd']})")


def duckdb(memory, folder, out):
    connection = duckdb_connection()
    connection.execute(f"SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{out / 'spilled'}'")
    answers, path = folder / "answers.parquet", out / "fact_answers.parquet"
    (rows,) = connection.execute(f"SELECT count(*) FROM '{answers}'").fetchone()
    query = f"""
        SELECT {KEYS}, sum(is_right) AS answers_right, sum(1 - is_right) AS answers_wrong
        FROM '{answers}'
        GROUP BY {KEYS}
    """
    copy = f"COPY ({query}) TO '{path}' ({DUCKDB_FORMATS['parquet-zstd']})"
    measure(f"duckdb {memory}", "fact", rows, path, lambda: connection.execute(copy))


def same(*folders):
    """Rows, sums, and a hash over all rows that knows no order."""
    connection = duckdb_connection()

    def told(folder):
        return connection.execute(f"""
            SELECT
                count(*), sum(answers_right), sum(answers_wrong),
                bit_xor(hash({KEYS}, answers_right::BIGINT, answers_wrong::BIGINT))
            FROM '{folder}/**/*.parquet'
        """).fetchone()

    one, other = map(told, folders)
    if one != other:
        sys.exit(f"error: expected the same fact twice, got {one} and {other}")


match sys.argv[1:]:
    case ["make", rows, folder]:
        make(int(rows), Path(folder))
    case ["duckdb", memory, folder, out]:
        duckdb(memory, Path(folder), Path(out))
    case ["same", fact, other]:
        same(fact, other)
    case _:
        sys.exit(__doc__)
