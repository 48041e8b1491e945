"""MariaDB: how it is asked, and its ways in."""

import os
import subprocess
from urllib.parse import urlsplit

from .inserts import FEW_ROWS, STATEMENT_ROWS, write_inserts
from .machine import TABLE, call, call_for_text, say
from .ours import ours
from .side import Side


class Mariadb:
    name = "MariaDB"

    def __init__(self, url, client):
        self.url, self.client = url, client
        self.version = self.ask("SELECT version()")
        names = ("innodb_flush_log_at_trx_commit", "sync_binlog", "innodb_buffer_pool_size", "innodb_log_file_size")
        self.settings = ", ".join(f"{name} {self.ask(f'SELECT @@{name}')}" for name in names)
        self.schema = f"lakeseed_bench_{os.getpid()}"

    @classmethod
    def of(cls, environment):
        url, client = (environment.get(f"LAKESEED_TEST_MARIADB_{name}") for name in ("URL", "CLIENT"))
        return cls(url, client) if url and client else None

    def command(self, *words):
        url = urlsplit(self.url)
        where = ["-h", url.hostname, "-P", url.port, "-u", url.username, "--protocol=tcp"]
        return [self.client, "--no-defaults", *where, "--local-infile=1", "-BN", *words]

    def ask(self, sql):
        return call_for_text(self.command("-e", sql)).strip()

    def place(self):
        return f"{self.url}/{self.schema}"

    def prepare(self, lakeseed, scratch, scale):
        say("preparing the rows for MariaDB")
        self.ask(f"DROP DATABASE IF EXISTS {self.schema}; CREATE DATABASE {self.schema}")
        ddl = call_for_text([lakeseed, "schema", f"retail.{TABLE}", "--as", "ddl", "--dialect", "mysql"])
        self.ask(f"USE {self.schema}; {ddl.replace(f'`{TABLE}`', '`empty`', 1)}")
        words = ["--scale", scale, "--format", "csv", "--progress", "none"]
        call([lakeseed, "generate", f"retail.{TABLE}", "--out", scratch / "csv", *words, "--files", 1], stdout=subprocess.DEVNULL)
        made = next((scratch / "csv" / TABLE).glob("*.csv"))
        with open(made) as rows, open(scratch / "my.csv", "w") as all_rows, open(scratch / "my.few", "w") as few:
            next(rows)
            for number, row in enumerate(rows):
                all_rows.write(row)
                if number < FEW_ROWS:
                    few.write(row)
        write_inserts(scratch, "my", f"{self.schema}.{TABLE}")

    def reset(self, leaves):
        self.ask(f"USE {self.schema}; DROP TABLE IF EXISTS {TABLE}, lakeseed_ledger, lakeseed_runs")
        if leaves == "table":
            self.ask(f"USE {self.schema}; CREATE TABLE {TABLE} LIKE empty")

    def count(self):
        return int(self.ask(f"SELECT count(*) FROM {self.schema}.{TABLE}"))

    def clear(self):
        self.ask(f"DROP DATABASE {self.schema}")

    def load_data(self, scratch):
        sql = f"LOAD DATA LOCAL INFILE '{scratch / 'my.csv'}' INTO TABLE {self.schema}.{TABLE} FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        return Side("LOAD DATA LOCAL, by mariadb", self.command("-e", sql))

    def load(self, lakeseed, python, scratch, threads, scale):
        return [
            ours(lakeseed, self.place(), scale, 1),
            ours(lakeseed, self.place(), scale, threads),
            self.load_data(scratch).against(0.95),
        ]

    def methods(self, lakeseed, python, scratch, threads, scale):
        return [
            self.load_data(scratch),
            Side(f"INSERT of {STATEMENT_ROWS} rows", self.command(), scratch / "my.many.sql"),
            Side("INSERT row by row", self.command(), scratch / "my.one.sql"),
        ]
