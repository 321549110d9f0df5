"""Asks py-cpuinfo about the processor. A program of its own: `slow` runs this file.

The answer is JSON on standard output: `{"brand", "flags"}`.
"""

import contextlib
import ctypes
import json
import signal
import sys

import cpuinfo

PR_SET_PDEATHSIG = 1


def _end_with_the_parent() -> None:
    """Have the kernel end this program when the agent ends, however that comes about."""
    with contextlib.suppress(AttributeError, OSError):  # another C library, another kernel
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Write the answer."""
    _end_with_the_parent()
    told = cpuinfo.get_cpu_info()
    # `brand` is how version 5 spells it, which Debian 12 packages.
    answer = {"brand": told.get("brand_raw") or told.get("brand"), "flags": told.get("flags", [])}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
