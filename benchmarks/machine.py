"""What the figures were measured on."""

from __future__ import annotations

import os
import pathlib
import platform
import shutil
import subprocess

from lab.install import SYSTEM_PYTHON

FINDINGS = (
    ("mosquitto", ("mosquitto", "-h")),
    ("podman", ("podman", "--version")),
    ("runc", ("runc", "--version")),
)


def describe() -> dict[str, str]:
    """Return the machine in words, part by part."""
    return {
        "cpu": f"{_cpu_model()}, {os.cpu_count()} logical processors",
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "system": _os_name(),
        "python": f"{platform.python_version()} and {_first(SYSTEM_PYTHON, '--version')} (agent)",
        "load": f"{os.getloadavg()[0]:.1f} at the start",
        **{name: _first(*command) for name, command in FINDINGS},
    }


def _cpu_model() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _first(*command: str) -> str:
    """Return the first line that a program says, without its own name."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=path)
    if program is None:
        return "not installed"
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    line = (done.stdout or done.stderr).strip().split("\n", 1)[0]
    words = [word for word in line.split() if word.lower() not in ("python", "version", command[0])]
    return " ".join(words)
