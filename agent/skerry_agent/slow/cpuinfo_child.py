"""Asks py-cpuinfo about the processor. A program of its own: `slow` runs this file.

The answer is JSON on standard output: `{"brand", "flags"}`.
"""

import json
import sys

import cpuinfo


def main() -> None:
    """Write the answer."""
    told = cpuinfo.get_cpu_info()
    # `brand` is how version 5 spells it, which Debian 12 packages.
    answer = {"brand": told.get("brand_raw") or told.get("brand"), "flags": told.get("flags", [])}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
