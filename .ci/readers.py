"""Reads what lakeseed writes with programs that know nothing of lakeseed: DuckDB, pyarrow, pandas.

Usage: readers.py LAKESEED FOLDER

Generates `retail` at scale 0.01 as Parquet, CSV and JSON into FOLDER, and checks that all readers
see the same rows in all formats, and that the rows keep the promises of the datasets' page: no
orphans, no duplicate keys, no cent of difference, no child before its parent. Then the less usual
forms: partitioned folders, compressed text, Arrow files and streams; predictions, assessments.

Prints one line for each check that fails, and how many passed.
"""

import itertools
import json
import shutil
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

SCALE = "0.01"
MONEY = "DECIMAL(12,2)"
RATE = "DECIMAL(5,4)"
YMD = {"year": "INTEGER", "month": "INTEGER", "day": "INTEGER"}

# The contract: columns in this order, as DuckDB names their types.
COLUMNS = {
    "customers": {
        "customer_id": "BIGINT",
        "cpf": "VARCHAR",
        "name": "VARCHAR",
        "street": "VARCHAR",
        "district": "VARCHAR",
        "city": "VARCHAR",
        "state": "VARCHAR",
        "postal_code": "VARCHAR",
        "birth_date": "DATE",
        "gender": "VARCHAR",
        "credit_limit": MONEY,
        "purchase_volume": MONEY,
        "first_purchase": "BOOLEAN",
        "segment": "VARCHAR",
        "created_at": "TIMESTAMP",
    },
    "sellers": {
        "seller_id": "BIGINT",
        "registration": "VARCHAR",
        "name": "VARCHAR",
        "district": "VARCHAR",
        "commission_rate": RATE,
        "hired_on": "DATE",
        "on_leave": "BOOLEAN",
        "region": "VARCHAR",
    },
    "products": {
        "product_id": "BIGINT",
        "code": "VARCHAR",
        "name": "VARCHAR",
        "line": "VARCHAR",
        "packaging": "VARCHAR",
        "size": "VARCHAR",
        "flavour": "VARCHAR",
        "category": "VARCHAR",
        "list_price": MONEY,
        "unit_cost": MONEY,
    },
    "stock": {
        "product_id": "BIGINT",
        "warehouse_id": "INTEGER",
        "quantity": "INTEGER",
        "reorder_point": "INTEGER",
        "unit_cost": MONEY,
        "updated_at": "TIMESTAMP",
    },
    "invoices": {
        "invoice_id": "BIGINT",
        "customer_id": "BIGINT",
        "seller_id": "BIGINT",
        "issued_at": "TIMESTAMP",
        **YMD,
        "state": "VARCHAR",
        "payment_method": "VARCHAR",
        "item_count": "INTEGER",
        "gross_total": MONEY,
        "discount": MONEY,
        "tax_rate": RATE,
        "tax": MONEY,
        "net_total": MONEY,
        "status": "VARCHAR",
    },
    "invoice_items": {
        "invoice_id": "BIGINT",
        "line_number": "INTEGER",
        "product_id": "BIGINT",
        "quantity": "INTEGER",
        "unit_price": MONEY,
        "discount": MONEY,
        "line_total": MONEY,
        "issued_at": "TIMESTAMP",
        **YMD,
    },
}

# Rows at that scale: exact, but for items, whose blocks of invoices may end in the middle.
ROWS = {"customers": 1_000, "sellers": 10, "products": 100, "stock": 1_000, "invoices": 30_000}
ITEMS_AN_INVOICE = (2.45, 2.55)

KEYS = {
    "customers": ["customer_id", "cpf"],
    "sellers": ["seller_id", "registration"],
    "products": ["product_id", "code"],
    "stock": ["(product_id, warehouse_id)"],
    "invoices": ["invoice_id"],
    "invoice_items": ["(invoice_id, line_number)", "(invoice_id, product_id)"],
}

FOREIGN_KEYS = [
    ("stock", "product_id", "products"),
    ("invoices", "customer_id", "customers"),
    ("invoices", "seller_id", "sellers"),
    ("invoice_items", "invoice_id", "invoices"),
    ("invoice_items", "product_id", "products"),
]

# Each query counts the rows that break the rule.
RULES = {
    "an invoice's totals are the sum of its items": """
        FROM invoices JOIN (
            SELECT invoice_id, sum(line_total) AS lines, count(*) AS items, max(line_number) AS last
            FROM invoice_items GROUP BY invoice_id) USING (invoice_id)
        WHERE gross_total <> lines OR item_count <> items OR last <> items""",
    "every invoice has items": """
        FROM invoices ANTI JOIN invoice_items USING (invoice_id)""",
    "a line's total is price times quantity less discount": """
        FROM invoice_items
        WHERE line_total <> quantity * unit_price - discount OR line_total < 0 OR quantity < 1""",
    # In integers: cents times ten thousandths are millionths; half a cent goes to the even cent.
    "tax is rounded half to even, and net follows": """
        FROM (
            SELECT *, CAST((gross_total - discount) * 100 AS BIGINT)
                * CAST(tax_rate * 10000 AS BIGINT) AS millionths
            FROM invoices)
        WHERE CAST(tax * 100 AS BIGINT) <> millionths // 10000 + CASE
                WHEN millionths % 10000 > 5000 THEN 1
                WHEN millionths % 10000 = 5000 THEN (millionths // 10000) % 2
                ELSE 0 END
            OR net_total <> gross_total - discount + tax""",
    "invoices are numbered without a gap, in time order": """
        FROM (
            SELECT invoice_id, issued_at, lag(invoice_id) OVER w AS id_before,
                lag(issued_at) OVER w AS issued_before
            FROM invoices WINDOW w AS (ORDER BY invoice_id))
        WHERE invoice_id <> id_before + 1 OR issued_at < issued_before""",
    "an item has its invoice's time": """
        FROM invoice_items JOIN invoices USING (invoice_id)
        WHERE invoice_items.issued_at <> invoices.issued_at""",
    "year, month and day are those of the time, inside of the window": """
        FROM (SELECT issued_at, year, month, day FROM invoices
            UNION ALL SELECT issued_at, year, month, day FROM invoice_items)
        WHERE make_date(year, month, day) <> issued_at::DATE OR year <> 2023""",
    "an invoice's state is its customer's": """
        FROM invoices JOIN customers USING (customer_id) WHERE invoices.state <> customers.state""",
    "a customer exists before its first invoice": """
        FROM invoices JOIN customers USING (customer_id) WHERE created_at > issued_at""",
    "a product costs less than its price": """
        FROM products WHERE unit_cost >= list_price OR list_price NOT BETWEEN 2.81 AND 38.01""",
    "nothing is empty text": """
        FROM customers
        WHERE '' IN (cpf, name, street, district, city, state, postal_code, segment)""",
}

passed = 0
failed = 0


def check(what, holds, seen=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {what}{': ' if seen != '' else ''}{seen}")


def generate(program, *words, to_stdout=False):
    """Runs `lakeseed generate`; answers with its standard output."""
    command = [program, "generate", *map(str, words), "--progress", "none"]
    if not to_stdout:
        command.append("--json")
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def struct(columns):
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"


def duckdb_source(form, files, columns):
    """What DuckDB reads from. Types are given: guessing them is not what is tested here."""
    if form == "csv":
        options = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"'"
        return f"read_csv('{files}', {options}, columns = {struct(columns)})"
    if form == "json":
        return f"read_json('{files}', format = 'newline_delimited', columns = {struct(columns)})"
    return f"read_parquet('{files}')"


def count(db, query):
    return db.execute(f"SELECT count(*) {query}").fetchone()[0]


def differing(db, one, other):
    """How many rows one has and the other has not, duplicates counted."""
    return count(db, f"FROM (FROM {one} EXCEPT ALL FROM {other})") + count(
        db, f"FROM (FROM {other} EXCEPT ALL FROM {one})"
    )


def parts(folder, table, form):
    files = sorted((folder / table).glob(f"*.{form}"))
    if not files:
        sys.exit(f"no {form} files for {table}")
    return files


def plain(table):
    """Without dictionaries and without the hints in its metadata: just the values."""
    fields = []
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        fields.append(pa.field(field.name, kind))
    return table.cast(pa.schema(fields)).combine_chunks()


def arrow_from_parquet(files):
    return plain(pa.concat_tables(pa.parquet.read_table(file) for file in files))


def arrow_from_csv(files, schema):
    options = pa.csv.ConvertOptions(
        column_types={field.name: field.type for field in schema},
        strings_can_be_null=True,
        null_values=[""],
    )
    return pa.concat_tables(pa.csv.read_csv(file, convert_options=options) for file in files)


def rows_from_json(files, schema):
    """Line by line with Python's own parser, numbers with all their digits."""
    wanted = {field.name: field.type for field in schema}

    def value(name, read):
        if isinstance(read, str) and pa.types.is_date(wanted[name]):
            return date.fromisoformat(read)
        if isinstance(read, str) and pa.types.is_timestamp(wanted[name]):
            return datetime.fromisoformat(read)
        return read

    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line, parse_float=Decimal)
            yield {name: value(name, read) for name, read in row.items()}


def differing_lines(expected, found):
    """The first row that differs, if any does; decimals must have the same scale too."""
    for number, (one, other) in enumerate(itertools.zip_longest(expected, found)):
        if one != other or [str(v) for v in one.values()] != [str(v) for v in other.values()]:
            return f"row {number}: {one} and {other}"
    return ""


def formats_agree(db, folder):
    for table, columns in COLUMNS.items():
        files = {form: parts(folder / form, table, form) for form in ("parquet", "csv", "json")}

        # DuckDB: equal as sets with duplicates.
        names = {}
        for form in files:
            names[form] = f"{table}_{form}"
            source = duckdb_source(form, folder / form / table / f"*.{form}", columns)
            db.execute(f"CREATE VIEW {names[form]} AS FROM {source}")
        seen = {row[0]: row[1] for row in db.execute(f"DESCRIBE {names['parquet']}").fetchall()}
        check(f"{table}: columns and types", list(seen.items()) == list(columns.items()), seen)
        rows = {form: count(db, f"FROM {view}") for form, view in names.items()}
        check(f"{table}: equal row counts", len(set(rows.values())) == 1, rows)
        if table in ROWS:
            check(f"{table}: expected rows", rows["parquet"] == ROWS[table], rows["parquet"])
        else:
            each = rows["parquet"] / ROWS["invoices"]
            least, most = ITEMS_AN_INVOICE
            check(f"{table}: items an invoice", least <= each <= most, each)
        for form in ("csv", "json"):
            different = differing(db, names["parquet"], names[form])
            check(f"{table}: {form} has the rows of parquet (DuckDB)", different == 0, different)
        db.execute(f"CREATE TABLE {table} AS FROM {names['parquet']}")

        # pyarrow: equal in order too.
        parquet = arrow_from_parquet(files["parquet"])
        csv = arrow_from_csv(files["csv"], parquet.schema).combine_chunks()
        check(f"{table}: csv has the rows of parquet in order (pyarrow)", parquet.equals(csv))
        lines = rows_from_json(files["json"], parquet.schema)
        different = differing_lines(parquet.to_pylist(), lines)
        check(f"{table}: json has the rows of parquet in order (Python)", not different, different)


def rows_keep_promises(db):
    for table, keys in KEYS.items():
        for key in keys:
            groups = f"SELECT {key} AS k FROM {table} GROUP BY k HAVING count(*) > 1"
            twice = count(db, f"FROM ({groups})")
            check(f"{table}: {key} is unique", twice == 0, twice)
    for child, key, parent in FOREIGN_KEYS:
        orphans = count(db, f"FROM {child} ANTI JOIN {parent} USING ({key})")
        check(f"{child}.{key}: no orphans", orphans == 0, orphans)
    for rule, query in RULES.items():
        broken = count(db, query)
        check(rule, broken == 0, broken)
    people = db.execute("SELECT cpf FROM customers").fetchall()
    wrong = [cpf for (cpf,) in people if not is_cpf(cpf)]
    check("every CPF has the right check digits", not wrong, wrong[:3])


def is_cpf(text):
    """The rule of the Brazilian tax office: two check digits, modulo 11."""
    if len(text) != 11 or not text.isdigit() or len(set(text)) == 1:
        return False
    digits = [int(digit) for digit in text]
    for length in (9, 10):
        total = sum(digit * (length + 1 - at) for at, digit in enumerate(digits[:length]))
        if digits[length] != total * 10 % 11 % 10:
            return False
    return True


def partitioned_folders(program, db, folder):
    out = folder / "partitioned"
    words = ("--scale", SCALE, "--partition-by", "year,month,day", "--out", out)
    generate(program, "retail.invoice_items", *words)
    files = out / "invoice_items"
    one = list(files.glob("year=2023/month=1/day=2/*.parquet"))
    check("a day has a folder of its own", len(one) >= 1)
    inside = pa.parquet.ParquetFile(one[0]).schema_arrow.names if one else []
    check("partition columns are not repeated in the files", not set(inside) & set(YMD), inside)

    items = COLUMNS["invoice_items"]
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in items.items())
    hive = f"(SELECT {columns} FROM read_parquet('{files}/**/*.parquet', hive_partitioning = true))"
    different = differing(db, "invoice_items", hive)
    check("DuckDB reads the partitions", different == 0, different)

    order = ["invoice_id", "line_number"]
    whole = pd.read_parquet(folder / "parquet" / "invoice_items").sort_values(order)
    cut = pd.read_parquet(files).sort_values(order)
    cut = cut.astype({name: "int32" for name in YMD})[list(whole.columns)]
    same = whole.reset_index(drop=True).equals(cut.reset_index(drop=True))
    check("pandas reads the partitions", same)


def other_forms(program, db, folder):
    columns = COLUMNS["customers"]
    customers = arrow_from_parquet(parts(folder / "parquet", "customers", "parquet"))
    words = ("retail.customers", "--scale", SCALE)
    for form, codec, ending in [("csv", "gzip", "csv.gz"), ("json", "zstd", "json.zst")]:
        out = folder / ending
        generate(program, *words, "--format", form, "--compression", codec, "--out", out)
        source = duckdb_source(form, out / "customers" / f"*.{ending}", columns)
        different = differing(db, "customers", source)
        check(f"DuckDB reads .{ending}", different == 0, different)

    out = folder / "arrow"
    generate(program, *words, "--format", "arrow", "--out", out)
    files = parts(out, "customers", "arrow")
    tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
    check("pyarrow reads Arrow files", plain(pa.concat_tables(tables)).equals(customers))
    stream = generate(program, *words, "--format", "arrow", "--out", "-", to_stdout=True)
    table = plain(pa.ipc.open_stream(stream).read_all())
    check("pyarrow reads an Arrow stream", table.equals(customers))


def predictions(program, db, folder):
    columns = {"id_client": "VARCHAR"} | {f"class_{i}": "DOUBLE" for i in range(30)}
    total = " + ".join(f"class_{i}" for i in range(30))
    outside = " OR ".join(f"class_{i} < 0 OR class_{i} >= 1" for i in range(30))
    for mode, out_of_place in [("simplex", f"abs({total} - 1) > 1e-9"), ("uniform", outside)]:
        views = {}
        for form in ("parquet", "csv", "json"):
            out = folder / f"predictions-{mode}" / form
            words = ("--mode", mode, "--rows", 20_000, "--format", form, "--out", out)
            generate(program, "predictions", *words)
            views[form] = duckdb_source(form, out / "predictions" / f"*.{form}", columns)
        rows = count(db, f"FROM {views['parquet']}")
        check(f"predictions, {mode}: rows", rows == 20_000, rows)
        for form in ("csv", "json"):
            different = differing(db, views["parquet"], views[form])
            check(f"predictions, {mode}: {form} reads back to the bit", different == 0, different)
        wrong = count(db, f"FROM {views['parquet']} WHERE {out_of_place}")
        check(f"predictions, {mode}: values", wrong == 0, wrong)
        ids = count(db, f"FROM (SELECT DISTINCT id_client::UUID FROM {views['parquet']})")
        check(f"predictions, {mode}: unique UUIDs", ids == 20_000, ids)


ASSESSMENTS = {
    "MUN_UF": "VARCHAR",
    "MUN_NOME": "VARCHAR",
    "ESC_INEP": "VARCHAR",
    "ESC_NOME": "VARCHAR",
    "SER_NUMBER": "INTEGER",
    "SER_NOME": "VARCHAR",
    "TUR_PERIODO": "VARCHAR",
    "TUR_NOME": "VARCHAR",
    "ALU_ID": "BIGINT",
    "ALU_NOME": "VARCHAR",
    "ALU_CPF": "VARCHAR",
    "AVA_NOME": "VARCHAR",
    "AVA_ANO": "INTEGER",
    "DIS_NOME": "VARCHAR",
    "TES_NOME": "VARCHAR",
    "TEG_ORDEM": "INTEGER",
    "ATR_RESPOSTA": "VARCHAR",
    "ATR_CERTO": "INTEGER",
    "MTI_CODIGO": "VARCHAR",
    "MTI_DESCRITOR": "VARCHAR",
}

# Each query counts the rows that break the rule; what is broken on purpose is left out.
ASSESSMENT_RULES = {
    "one name a code of a school": """
        FROM (FROM avaliacao SELECT ESC_INEP GROUP BY ESC_INEP
        HAVING count(DISTINCT MUN_NOME) > 1 OR count(DISTINCT ESC_NOME) > 2)""",
    "one school, class and CPF a pupil": """
        FROM (FROM avaliacao SELECT ALU_ID GROUP BY ALU_ID HAVING count(DISTINCT ESC_INEP) > 1
        OR count(DISTINCT ALU_CPF) > 1 OR count(DISTINCT TUR_NOME) > 2)""",
    "only reading has no descriptor": """
        FROM avaliacao WHERE (MTI_DESCRITOR IS NULL) <> (DIS_NOME = 'Leitura')
        OR MTI_DESCRITOR IS NULL AND MTI_CODIGO IS NOT NULL""",
    "no text is empty": "FROM avaliacao WHERE ATR_RESPOSTA = '' OR ALU_CPF = '' OR MTI_CODIGO = ''",
}


def assessments(program, db, folder):
    views = {}
    for form in ("parquet", "csv", "json"):
        out = folder / "assessments" / form
        words = ("--rows", 3000, "--dirt", "--shuffle", "--states", 27, "--format", form)
        generate(program, "assessments", *words, "--out", out)
        views[form] = duckdb_source(form, out / "avaliacao" / f"*.{form}", ASSESSMENTS)
    db.execute(f"CREATE OR REPLACE VIEW avaliacao AS FROM {views['parquet']}")
    described = db.execute("DESCRIBE avaliacao").fetchall()
    found = {name: kind for name, kind, *_ in described}
    check("assessments: columns", list(found.items()) == list(ASSESSMENTS.items()), found)
    for form in ("csv", "json"):
        different = differing(db, views["parquet"], views[form])
        check(f"assessments: {form} holds the same rows", different == 0, different)
    rows = count(db, "FROM avaliacao")
    keys = count(db, "FROM (SELECT DISTINCT ALU_ID, TES_NOME, TEG_ORDEM FROM avaliacao)")
    check("assessments: unique keys", rows == keys and rows > 250_000, (rows, keys))
    for rule, query in ASSESSMENT_RULES.items():
        broken = count(db, query)
        check(f"assessments: {rule}", broken == 0, broken)
    for case in ("TUR_NOME LIKE '%\"%'", "ATR_RESPOSTA = '-'", "ATR_RESPOSTA SIMILAR TO '[A-E]{2}'"):
        soiled = count(db, f"FROM avaliacao WHERE {case}")
        check(f"assessments: {case}", 0 < soiled < rows / 20, soiled)


def main():
    program, folder = Path(sys.argv[1]), Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    for form in ("parquet", "csv", "json"):
        words = ("--scale", SCALE, "--format", form, "--out", folder / form)
        report = json.loads(generate(program, "retail", *words))
        check(f"{form}: the report is an object", isinstance(report, dict))

    db = duckdb.connect()
    formats_agree(db, folder)
    rows_keep_promises(db)
    partitioned_folders(program, db, folder)
    other_forms(program, db, folder)
    predictions(program, db, folder)
    assessments(program, db, folder)
    print(f"readers: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
