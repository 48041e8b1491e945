"""lakeseed: its build, the rows that it makes for others, and its own way in."""

import json
import os
import subprocess
from pathlib import Path

from .machine import ROOT, TABLE, call, call_for_text, say
from .side import Side


def build():
    """The release build, unless LAKESEED_BINARY names one."""
    if given := os.environ.get("LAKESEED_BINARY"):
        return Path(given)
    say("building")
    call(["cargo", "build", "--release", "--locked", "--quiet", "-p", "lakeseed", "--features", "full"], cwd=ROOT)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "lakeseed"


def prepare(lakeseed, scratch, scale):
    """The rows as Parquet, for those that read files; how many there are."""
    say("making the rows")
    words = ["--scale", scale, "--progress", "none", "--json"]
    made = call_for_text([lakeseed, "generate", f"retail.{TABLE}", "--out", scratch / "rows", *words])
    return json.loads(made)["rows"]


def load_words(lakeseed, place, scale, threads):
    words = ["--scale", scale, "--threads", threads, "--progress", "none", "--json"]
    return [lakeseed, "load", f"retail.{TABLE}", "--to", place, *words]


def load(lakeseed, place, scale, threads):
    call(load_words(lakeseed, place, scale, threads), stdout=subprocess.DEVNULL)


def ours(lakeseed, place, scale, threads):
    name = f"lakeseed load -j {threads}"
    return Side(name, load_words(lakeseed, place, scale, threads), tells=True, leaves="nothing")


CLASSIC = ["retail", "--items-per-invoice", 1, "--rounds", 50, "--rows"]


def classic(server, lakeseed, scratch, options, scale):
    """15 customers, 4 sellers, 31 products, 50 rounds of 100,000 invoices with one item each."""
    say(f"{server.name}, classic")
    server.reset("nothing")
    chart = scratch / f"classic-{server.name.lower()}.svg"
    counts = f"customers=15,sellers=4,products=31,invoices={int(5e6 * scale)}"
    words = ["--threads", options.threads, "--chart", chart, "--progress", "none", "--json"]
    told = json.loads(call_for_text([lakeseed, "load", *CLASSIC, counts, "--to", server.place(), *words]))
    return {"server": server.name, "part": "classic", "chart": chart.read_text(), **told}
