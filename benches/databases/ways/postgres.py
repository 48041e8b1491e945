"""PostgreSQL: how it is asked, and its ways in."""

import os
import subprocess

from .inserts import FEW_ROWS, STATEMENT_ROWS, write_inserts
from .machine import HERE, TABLE, call_for_text, say
from .ours import load, ours
from .side import Side


class Postgres:
    name = "PostgreSQL"

    def __init__(self, url, psql):
        self.url, self.psql = f"{url}?sslmode=disable", psql
        self.version = self.ask("SHOW server_version")
        names = ("fsync", "synchronous_commit", "wal_level", "shared_buffers", "max_wal_size")
        self.settings = ", ".join(f"{name} {self.ask(f'SHOW {name}')}" for name in names)
        self.schema = f"lakeseed_bench_{os.getpid()}"

    @classmethod
    def of(cls, environment):
        url, psql = (environment.get(f"LAKESEED_TEST_POSTGRES_{name}") for name in ("URL", "PSQL"))
        return cls(url, psql) if url and psql else None

    def command(self, *words):
        return [self.psql, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", self.url, *words]

    def ask(self, sql):
        return call_for_text(self.command("-c", f"SET client_min_messages = warning; {sql}")).strip()

    def place(self):
        return f"{self.url}&options=-csearch_path%3D{self.schema}"

    def prepare(self, lakeseed, scratch, scale):
        """An empty table, and the rows in the server's own forms: those that it gives back itself."""
        say("preparing the rows for PostgreSQL")
        self.ask(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE; CREATE SCHEMA {self.schema}")
        load(lakeseed, self.place(), scale, 2)
        self.ask(
            f"DROP TABLE {self.schema}.lakeseed_ledger, {self.schema}.lakeseed_runs;"
            f"CREATE TABLE {self.schema}.empty (LIKE {self.schema}.{TABLE});"
        )
        for name, form, limit in [("binary", "binary", ""), ("csv", "csv", ""), ("few", "csv", FEW_ROWS)]:
            limit = f" ORDER BY invoice_id LIMIT {limit}" if limit else ""
            rows = f"SELECT * FROM {self.schema}.{TABLE}{limit}"
            with open(scratch / f"pg.{name}", "wb") as file:
                copy = self.command("-c", f"COPY ({rows}) TO STDOUT (FORMAT {form})")
                subprocess.run(copy, check=True, stdout=file)
        write_inserts(scratch, "pg", f"{self.schema}.{TABLE}")

    def reset(self, leaves):
        """An empty table without keys, or none where a side makes its own."""
        self.ask(f"DROP TABLE IF EXISTS {self.schema}.{TABLE}, {self.schema}.lakeseed_ledger, {self.schema}.lakeseed_runs")
        if leaves == "table":
            self.ask(f"CREATE TABLE {self.schema}.{TABLE} (LIKE {self.schema}.empty)")
        self.ask("CHECKPOINT")

    def count(self):
        return int(self.ask(f"SELECT count(*) FROM {self.schema}.{TABLE}"))

    def clear(self):
        self.ask(f"DROP SCHEMA {self.schema} CASCADE")

    def copy(self, scratch, form):
        sql = f"COPY {self.schema}.{TABLE} FROM STDIN (FORMAT {form})"
        return Side(f"COPY {form}, by psql", self.command("-c", sql), scratch / f"pg.{form}")

    def load(self, lakeseed, python, scratch, threads, scale):
        adbc = [python, HERE / "adbc.py", scratch / "rows" / TABLE, self.place(), TABLE]
        return [
            ours(lakeseed, self.place(), scale, 1),
            ours(lakeseed, self.place(), scale, threads),
            self.copy(scratch, "binary").against(0.9),
            Side("ADBC ingest", adbc, tells=True).against(1.5),
        ]

    def methods(self, lakeseed, python, scratch, threads, scale):
        return [
            self.copy(scratch, "binary"),
            self.copy(scratch, "csv"),
            Side(f"INSERT of {STATEMENT_ROWS} rows", self.command("-f", scratch / "pg.many.sql")),
            Side("INSERT row by row", self.command("-f", scratch / "pg.one.sql")),
        ]
