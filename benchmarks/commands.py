"""How long a person waits: the command line's start, and a box's first look at itself."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile

from benchmarks.row import BenchError, Row, at_most, median, process_ms, say, spread
from lab.install import ROOT, SYSTEM_PYTHON, VENV

RUNS = 20
AGENT = {"PYTHONPATH": f"{ROOT}/wire:{ROOT}/agent"}
"""The agent from this checkout, on Debian's own Python and libraries."""


def version() -> list[Row]:
    """Measure `skerry version`."""
    say(f"skerry version, {RUNS} times")
    found, worked = process_ms([str(VENV / "bin" / "skerry"), "version"], RUNS)
    return [_row("`skerry version`, whole process", found, worked, 150)]


def capability() -> list[Row]:
    """Measure `skerry-agent capability`, and see that it found something."""
    say(f"skerry-agent capability, {RUNS} times")
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        command = [SYSTEM_PYTHON, "-m", "skerry_agent.main", "capability", "--state", folder]
        found, worked = process_ms(command, RUNS, AGENT)
        _must_be_complete([*command, "--json"])
    return [_row("`skerry-agent capability`, whole process", found, worked, 300)]


def _row(what: str, found: list[float], worked: float, budget_ms: float) -> Row:
    note = f"{spread(found)}; processor {worked:.0f} ms"
    return at_most(what, median(found), budget_ms, "ms", note=note)


def _must_be_complete(command: list[str]) -> None:
    done = subprocess.run(
        command, env=AGENT, cwd=pathlib.Path("/"), capture_output=True, check=True
    )
    told = json.loads(done.stdout)
    hardware = told.get("hardware", told)
    if not hardware["cpu"]["logical_count"] or not hardware["memory"]["total_bytes"]:
        raise BenchError("skerry-agent capability found neither processors nor memory")
