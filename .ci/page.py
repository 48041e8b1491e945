"""Opens the pages of a star's indicators and of measured queries in a real browser, without a head.

Usage: page.py LAKESEED FOLDER [PICTURE]

Makes small stars of both built-in models in FOLDER and opens their pages: the browser says nothing
on its console, asks nobody for anything, and gives each table and each figure the values that the
Parquet files have, or the CSV file of the queries; no page is wider than the screen of a phone. With PICTURE the page of `retail`
is also taken as a picture.

Needs the Chromium that LAKESEED_BROWSER names: LAKESEED_BROWSER=$(dev/browser).
Prints one line for each check that fails, and how many passed.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet

# The least screen that a page has to fit on, and the one of the picture.
PHONE, DESK = (360, 740), (1100, 1200)
# Says how wide the page has become; only copies of it have a script.
MEASURE = (
    "<script>addEventListener('load', () => document.title = "
    "document.documentElement.scrollWidth + ' of ' + innerWidth)</script>"
)

passed, failed = 0, 0


def check(name, holds, detail=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {str(detail)[:400]}")


def find_browser():
    found = shutil.which(os.environ.get("LAKESEED_BROWSER", ""))
    if not found:
        sys.exit("error: expected a Chromium in LAKESEED_BROWSER, got none; dev/browser prints one")
    return found


def browse(browser, page, size, *flags):
    """What the browser writes of a page, and what it says on its console."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            # Whatever the page asks for over the network fails, and is told.
            "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}",
            "--enable-logging=stderr", "--virtual-time-budget=2000", *flags, page.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    check(f"{page} is opened", done.returncode == 0, done.stderr[-400:])
    return done.stdout, console


class Page(HTMLParser):
    """The figures and the tables of a page, as the browser has understood it."""

    def __init__(self):
        super().__init__()
        self.asked, self.tables, self.figures, self.links = [], {}, {}, []
        self.section = self.cell = None
        self.in_details = self.is_figure = False

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        if tag in ("section", "article") and "id" in of:
            self.section = of["id"]
        if tag in ("script", "img", "link", "iframe"):
            self.asked.append((tag, of))
        if tag == "a":
            self.links.append(of.get("href", ""))
        if tag == "details":
            self.in_details = True
            self.tables.setdefault(self.section, [])
        if self.in_details and tag == "tr":
            self.tables[self.section].append([])
        if self.in_details and tag == "td":
            self.cell = ""
        if tag == "p" and of.get("class") == "figure":
            self.is_figure = True
            self.figures[self.section] = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
        if self.is_figure:
            self.figures[self.section] += data

    def handle_endtag(self, tag):
        if tag == "td" and self.cell is not None:
            self.tables[self.section][-1].append(self.cell)
            self.cell = None
        if tag == "details":
            self.in_details = False
        if tag == "p":
            self.is_figure = False


def same(shown, value):
    """Whether a text for people is that value, as far as it shows it."""
    if value is None:
        return shown == "–"
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        digits = re.sub(r"[^0-9.\-]", "", shown.replace("R$", ""))
        decimals = len(digits.partition(".")[2])
        return abs(Decimal(digits) - Decimal(str(value))) <= Decimal("0.5000001").scaleb(-decimals)
    return shown == str(value)


def compare(folder, page):
    for name, cells in page.tables.items():
        rows = pyarrow.parquet.read_table(folder / name).to_pylist()
        shown = [row for row in cells if row]
        check(f"{name} has its rows", len(shown) == min(len(rows), 500), (len(shown), len(rows)))
        wrong = [
            (got, want)
            for cells, row in zip(shown, rows)
            for got, want in zip(cells, row.values(), strict=True)
            if not same(got, want)
        ]
        check(f"{name} has the values of its file", not wrong, wrong[:3])
        check(f"{name}.csv is linked", f"{name}.csv" in page.links and (folder / f"{name}.csv").exists())
    for name, figure in page.figures.items():
        row = pyarrow.parquet.read_table(folder / name).to_pylist()[0]
        check(f"{name} is a value of its file", any(same(figure, value) for value in row.values()), figure)
    for link in page.links:
        if link.startswith("#"):
            check(f"{link} leads somewhere", link[1:] in page.tables)


def fits(browser, work, name, index):
    for size in (PHONE, DESK):
        copy = work / f"{name}-{size[0]}.html"
        copy.write_text(index.read_text().replace("</body>", f"{MEASURE}</body>"))
        text, _ = browse(browser, copy, size, "--dump-dom")
        width, _, screen = re.search(r"<title>(.*?)</title>", text)[1].partition(" of ")
        check(f"{name}: fits on {screen} pixels", width.isdigit() and int(width) <= int(screen), width)


def measured(browser, work, folder):
    """The page of `bench queries` beside its CSV file."""
    text, console = browse(browser, folder / "index.html", DESK, "--dump-dom")
    check("queries: nothing on the console", not console, console)
    page = Page()
    page.feed(text)
    check("queries: nothing is asked for", not page.asked, page.asked)
    with open(folder / "results.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    names = list(dict.fromkeys(line["question"] for line in lines))
    check("queries: there are questions", len(names) == 14, names)
    for number, name in enumerate(names, 1):
        own = [line for line in lines if line["question"] == name]
        shown = [row for row in page.tables.get(f"question-{number}", []) if row]
        expected = [(f"{float(line['seconds']):.3f}", f"{int(line['rows_read']):,}") for line in own]
        found = [(row[1], row[5]) for row in shown]
        check(f"queries: {name}", found == expected, (found, expected))
    fits(browser, work, "queries", folder / "index.html")


def main():
    lakeseed, work = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    picture = Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None
    browser = find_browser()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    work = work.resolve()
    run = lambda *args: subprocess.run([lakeseed, *args, "-q"], cwd=work, check=True)
    for model in ("retail", "assessments"):
        more = ("--end", "2024-06-30") if model == "retail" else ()
        run("generate", model, "-s", "0.02", "-o", f"{model}-data", *more)
        run("star", model, "--from", f"{model}-data", "-o", f"{model}-star")
        folder = work / f"{model}-star" / "indicators"
        index = folder / "index.html"
        text, console = browse(browser, index, DESK, "--dump-dom")
        check(f"{model}: nothing on the console", not console, console)
        page = Page()
        page.feed(text)
        check(f"{model}: nothing is asked for", not page.asked, page.asked)
        check(f"{model}: there are charts", len(page.tables) > 12, len(page.tables))
        check(f"{model}: there are figures", len(page.figures) >= 2, page.figures)
        compare(folder, page)
        fits(browser, work, model, index)
    run("bench", "queries", "--from", "retail-data", "--star", "retail-star", "--memory", "128MiB,256MiB",
        "--threads", "1,2", "--partitions", "1,8", "--repeat", "1", "-o", "queries")
    measured(browser, work, work / "queries")
    if picture:
        index = work / "retail-star" / "indicators" / "index.html"
        browse(browser, index, DESK, f"--screenshot={picture}")
        check("the picture is small", 10_000 < picture.stat().st_size < 200_000, picture.stat().st_size)
    print(f"page: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
