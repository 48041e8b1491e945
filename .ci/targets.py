"""The targets of a package, one name a line.

Usage: targets.py PACKAGE KIND        KIND: example, bench, bin
"""

import json
import subprocess
import sys

package_name, kind = sys.argv[1:]
answer = subprocess.run(
    ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"],
    check=True,
    stdout=subprocess.PIPE,
)
packages = {package["name"]: package for package in json.loads(answer.stdout)["packages"]}
for target in packages[package_name]["targets"]:
    if kind in target["kind"]:
        print(target["name"])
