"""What all of it stands on: folders, commands, and the machine."""

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
TABLE = "invoices"
# A machine with less load than this over the last minute is ours alone.
CALM = 0.3


class Failed(Exception):
    pass


def commit():
    def git(*words):
        return call_for_text(["git", "-C", ROOT, *words]).strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short", "HEAD") + ("-changed" if changed else "")


def settled_load():
    """The load of the last minute, once our own builds no longer count in it; waits two minutes."""
    for _ in range(12):
        if os.getloadavg()[0] < CALM:
            break
        time.sleep(10)
    load = os.getloadavg()[0]
    if load >= CALM:
        say(f"warning: others are busy on this machine, load {load:.2f}")
    return load


def cpu():
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def call(command, **more):
    subprocess.run([str(word) for word in command], check=True, **more)


def call_for_text(command):
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def say(text):
    print(text, file=sys.stderr, flush=True)
