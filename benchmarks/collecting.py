"""Looks at the hardware once, or more often, and prints how long each look took.

usage: python -m benchmarks.collecting ROOT LOOKS
Run by Debian's own Python with the agent's folders in its path, as the agent is; so it imports
nothing else. Prints a JSON list of [milliseconds, milliseconds of processor time].
"""

from __future__ import annotations

import json
import sys
import time


def main(root: str, looks: int) -> None:
    """Time the looks, each as whole as the first."""
    from skerry_agent.capability import collect  # noqa: PLC0415 - the imports are not timed here
    from skerry_agent.host import Host  # noqa: PLC0415

    host = Host(root)
    found = []
    for _ in range(looks):
        began, worked = time.perf_counter(), time.process_time()
        collected = collect(host)
        found.append([(time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000])
        if collected.hardware.cpu.logical_count is None:
            sys.exit("no processor was found")
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
