"""Rows as statements: the slow ways in."""

import csv
import re

# Rows of a statement, and how many rows are put in so at all: the slow ways need no more to be told.
STATEMENT_ROWS = 1000
FEW_ROWS = 200_000
FEWEST_ROWS = 20_000


def write_inserts(scratch, prefix, table):
    """The first rows as statements: many rows each, and a row each, in one transaction."""

    def literal(cell):
        is_number = re.fullmatch(r"-?\d+(\.\d+)?", cell) and not re.match(r"0\d", cell)
        return cell if is_number else "NULL" if cell == "" else "'" + cell.replace("'", "''") + "'"

    with open(scratch / f"{prefix}.few", newline="") as file:
        rows = ["(" + ",".join(map(literal, row)) + ")" for row in csv.reader(file)]
    with open(scratch / f"{prefix}.many.sql", "w") as file:
        file.write("BEGIN;\n")
        for at in range(0, len(rows), STATEMENT_ROWS):
            file.write(f"INSERT INTO {table} VALUES {','.join(rows[at : at + STATEMENT_ROWS])};\n")
        file.write("COMMIT;\n")
    with open(scratch / f"{prefix}.one.sql", "w") as file:
        file.write("BEGIN;\n")
        file.writelines(f"INSERT INTO {table} VALUES {row};\n" for row in rows[:FEWEST_ROWS])
        file.write("COMMIT;\n")
