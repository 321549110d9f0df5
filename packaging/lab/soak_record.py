"""What soaks saw, kept in files of JSON lines, so that several runs can be summed up.

Each line is whole in itself: `run`, `seed`, `commit`, `begun` (of the run), `at`, the machine's
`load` over one, five and fifteen minutes, and what was `found`. Files may be put one behind the other.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lab.install import ROOT
from lab.processes import LabError


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line of a file; `found` is of the type that its run makes, as JSON has it."""

    run: str
    seed: int
    commit: str
    begun: str
    at: str
    load: tuple[float, ...]
    found: dict[str, Any]


class Record:
    """Appends what a run sees to a file."""

    def __init__(self, place: pathlib.Path, run: str, seed: int) -> None:
        """Open the file, new or not. Raises LabError."""
        try:
            self._file = place.open("a", encoding="utf-8")
            if place.stat().st_size and not place.read_bytes().endswith(b"\n"):
                self._file.write("\n")  # one that was cut short
        except OSError as error:
            raise LabError(f"--save {place}: {error.strerror}") from None
        self._run, self._seed, self._commit, self._begun = run, seed, commit(), _now()

    def keep(self, one: Any) -> None:
        """Append one, so that it stays whatever comes."""
        found = dataclasses.asdict(one)
        load = tuple(round(part, 2) for part in os.getloadavg())
        line = Line(self._run, self._seed, self._commit, self._begun, _now(), load, found)
        self._file.write(json.dumps(dataclasses.asdict(line)) + "\n")
        self._file.flush()


def commit() -> str:
    """Return the commit of this checkout, `-dirty` where it was changed since."""
    words = [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def read(place: pathlib.Path, warn: Callable[[str], None]) -> list[Line]:
    """Return the lines of a file; what was cut short is named and left out. Raises LabError."""
    try:
        texts = place.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise LabError(f"{place}: {error.strerror}") from None
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(built(Line, json.loads(text)))
        except (ValueError, TypeError, KeyError) as error:
            warn(f"{place}:{number}: left out: {error}")
    return lines


def built(kind: Any, plain: Any) -> Any:
    """Return a value of a type from what `dataclasses.asdict` and JSON made of it.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    if dataclasses.is_dataclass(kind):
        if not isinstance(plain, Mapping):
            raise TypeError(f"{plain!r:.60} is no {getattr(kind, '__name__', kind)}")
        hints = typing.get_type_hints(kind)
        given = {one.name for one in dataclasses.fields(kind)} & plain.keys()
        return typing.cast(Any, kind)(**{name: built(hints[name], plain[name]) for name in given})
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if plain is None else built(parts[0], plain)
    if origin in (tuple, collections.abc.Sequence):
        if not isinstance(plain, list):
            raise TypeError(f"{plain!r:.60} is no list")
        return tuple(built(parts[0], one) for one in plain)
    return plain


def origin_of(lines: Sequence[Line]) -> str:
    """Return in words where lines come from: runs, commits, seeds, dates, and the load."""
    runs = {(line.begun, line.seed) for line in lines}
    loads = sorted(line.load[0] for line in lines)
    days = sorted(line.at[:10] for line in lines)
    span = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    commits = ", ".join(dict.fromkeys(line.commit for line in lines))
    seeds = ", ".join(map(str, sorted({line.seed for line in lines})))
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}, {span}, commit {commits}, seed {seeds}, "
        f"load {loads[len(loads) // 2]:.1f} ({loads[0]:.1f} to {loads[-1]:.1f})"
    )
