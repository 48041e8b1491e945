"""What was measured, as a page with tables and charts beside its raw figures."""

import datetime
import json
import os
import platform
import statistics
from pathlib import Path

from .chart import drawn
from .machine import CALM, HERE, ROOT, TABLE, commit, cpu, say


def report(raw, rows, servers, options, load):
    name = f"databases-{datetime.date.today():%Y-%m-%d}-{commit()}"
    lines = [*head(rows, servers, options, load)]
    for server in servers:
        lines += load_table(raw, server.name)
    bars = []
    for server in servers:
        table, own = methods_table(raw, server.name)
        lines += table
        bars += own
    if bars:
        lines += ["", f"![rows a second of each method]({name}.svg)"]
    charts = {"": drawn(bars)} if bars else {}
    for run in (run for run in raw if run["part"] == "classic"):
        charts[f"-classic-{run['server'].lower()}"] = run.pop("chart")
    lines += classic_table([run for run in raw if run["part"] == "classic"], name)
    body = "\n".join(lines) + "\n"
    print(body)
    is_kept = not (options.quick or options.only)
    folder = ROOT / "benches" / "results" if is_kept else Path(options.out)
    for end, chart in charts.items():
        (folder / f"{name}{end}.svg").write_text(chart)
        say(f"a chart is {folder / (name + end)}.svg")
    if not is_kept:
        say("figures not kept: a part of the work only")
        return
    (folder / f"{name}.md").write_text(body)
    with open(folder / f"{name}.jsonl", "w") as file:
        file.writelines(json.dumps(result) + "\n" for result in raw)
    say(f"written to benches/results/{name}.md and .jsonl")


def head(rows, servers, options, load):
    yield f"""# Ways into a database

- date: {datetime.date.today()}, commit {commit()}
- machine: {cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}
- {rows:,} rows of `retail.{TABLE}`, prepared files on {options.out}; medians of {options.rounds}, sides in turn
- load of the machine before: {load:.2f} (above {CALM} the figures are not worth keeping)
- made by `benches/databases/run`, with {", ".join(pins())}"""
    for server in servers:
        yield f"- {server.name} {server.version}: {server.settings}"


def pins():
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line.replace("==", " ") for line in lines if "==" in line]


def middle(raw, server, part):
    """By side, in order: rows, median seconds, ratio, and what else was told."""
    runs = [run for run in raw if run["server"] == server and run["part"] == part]
    sides = {}
    for run in runs:
        sides.setdefault(run["side"], []).append(run)
    for side, runs in sides.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        yield side, runs[0]["rows"], seconds, runs[0]["ratio"], runs[0]


def load_table(raw, server):
    sides = list(middle(raw, server, "load"))
    if not sides:
        return
    yield f"\n## lakeseed beside the bulk loaders: {server}\n"
    yield "Ours makes its rows on the way and is timed from outside, keys apart; psql and the client read"
    yield "prepared bytes and are timed from outside; ADBC has the rows in memory, and times itself. One"
    yield "connection each, but for ours with `-j`. The ratio is that of ours with one connection.\n"
    yield "| side | seconds | rows/s | ours is | target | |"
    yield "|---|---:|---:|---:|---:|---|"
    _, _, one, _, first = sides[0]
    for side, rows, seconds, ratio, _ in sides:
        ours_is = "" if ratio is None else f"{seconds / one:.2f} x"
        target = "" if ratio is None else f"{ratio:g} x"
        verdict = "" if ratio is None else "reached" if seconds / one >= ratio else "**missed**"
        yield f"| {side} | {seconds:.3f} | {rows / seconds / 1e3:.0f} k | {ours_is} | {target} | {verdict} |"
    if "making_seconds" in first:
        yield ""
        yield (
            f"Of ours with one connection, in the first round, {first['making_seconds']:.2f} s went into making and "
            f"encoding rows and {first['waiting_seconds']:.2f} s into waiting for the server."
        )


def methods_table(raw, server):
    sides = list(middle(raw, server, "methods"))
    if not sides:
        return [], []
    lines = [f"\n## Methods side by side: {server}\n", "| method | rows | seconds | rows/s |", "|---|---:|---:|---:|"]
    bars = []
    for side, rows, seconds, _, _ in sides:
        lines.append(f"| {side} | {rows:,} | {seconds:.3f} | {rows / seconds / 1e3:.1f} k |")
        bars.append((f"{server}: {side}", rows / seconds))
    lines.append("\nAll by the server's own client, each in one transaction: into a table without keys, and in MariaDB with its primary key.")
    return lines, bars


def classic_table(runs, name):
    if not runs:
        return
    yield "\n## The classic experiment\n"
    yield "15 customers, 4 sellers, 31 products, 50 rounds of invoices with one item each, once. Generation and"
    yield "insertion are the time of all connections together; the whole has tables, keys and the start of the"
    yield "process in it. The program that the setting comes from needed 133 s to make its 10,000,000 rows and 68 s"
    yield "to load them into MariaDB; its time per round grew by 0.87 %.\n"
    yield "| server | rows of the rounds | connections | whole | rounds | generation | insertion | growth per round |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for run in runs:
        rounds, growth = run["rounds"], run["growth"]

        def all_of(field):
            return sum(one[field] for one in rounds)

        grown = f"{100 * growth['per_round']:+.3f} %, standard error {100 * growth['standard_error']:.3f} %"
        yield (
            f"| {run['server']} | {all_of('rows'):,} | {run['workers']} | {run['seconds']:.1f} s | {all_of('seconds'):.1f} s "
            f"| {all_of('making_seconds'):.1f} s | {all_of('waiting_seconds'):.1f} s | {grown} |"
        )
    for run in runs:
        yield f"\n![time of each round]({name}-classic-{run['server'].lower()}.svg)"
