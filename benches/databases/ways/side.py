"""One way in: a command that fills the table, and how long it took."""

import json
import os
import subprocess
import time


class Side:
    """A command that fills the table."""

    def __init__(self, name, command, reads=None, tells=False, leaves="table"):
        self.name, self.command, self.reads = name, command, reads
        # Whether it prints its own JSON line; else it is timed from outside, start included.
        self.tells, self.leaves = tells, leaves
        self.ratio = None

    def against(self, ratio):
        """What ours must reach of it."""
        self.ratio = ratio
        return self

    def run(self):
        with open(self.reads or os.devnull, "rb") as reads:
            start = time.perf_counter()
            words = [str(word) for word in self.command]
            text = subprocess.run(words, check=True, stdin=reads, stdout=subprocess.PIPE, text=True).stdout
            seconds = time.perf_counter() - start
        if not self.tells:
            return {"seconds": round(seconds, 3)}
        # Ours prints one object over many lines, a script of a peer one line.
        told = json.loads(text)
        if "keys_seconds" not in told:
            return {"seconds": told["seconds"]}
        # The others make no keys and count no rows of the table afterwards.
        return {
            "seconds": round(seconds - told["keys_seconds"], 3),
            "making_seconds": round(told["making_seconds"], 3),
            "waiting_seconds": round(told["waiting_seconds"], 3),
        }
