"""Which other systems may read the fleet's views on the hub's broker: a file, a name a line.

A certificate alone opens nothing: whoever is taken off the list reads no more, at once. His name
stays in the file, as `-NAME`: the broker has to deny him by it what every box may do.
"""

from __future__ import annotations

import pathlib

from skerry_hub import broker_access
from skerry_hub.pki.own_certificates import FOLDER
from skerry_hub.whole_file import write_whole

FILE = "readers"
REMOVED = "-"
"""With which no name begins."""


def names(data: pathlib.Path) -> tuple[str, ...]:
    """Return who may read, by a data folder. Raises OSError, ValueError where a line is no name."""
    return tuple(line for line in _lines(data) if not line.startswith(REMOVED))


def removed(data: pathlib.Path) -> tuple[str, ...]:
    """Return who could read once, and may no more. Raises OSError, ValueError, as `names` does."""
    return tuple(line.removeprefix(REMOVED) for line in _lines(data) if line.startswith(REMOVED))


def add(data: pathlib.Path, name: str) -> None:
    """List a name. Raises OSError, ValueError."""
    broker_access.reader(name)
    _write(data, {*_lines(data), name} - {REMOVED + name})


def remove(data: pathlib.Path, name: str) -> bool:
    """Take a name off the list, and say whether it was there. Raises OSError, ValueError.

    It is denied from then on, also where it was not: an older hub kept no names of who was removed.
    """
    broker_access.reader(name)
    found = set(_lines(data))
    _write(data, {*found, REMOVED + name} - {name})
    return name in found


def _lines(data: pathlib.Path) -> tuple[str, ...]:
    try:
        text = (data / FOLDER / FILE).read_text()
    except FileNotFoundError:
        return ()
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    for line in found:
        broker_access.reader(line.removeprefix(REMOVED))
    return found


def _write(data: pathlib.Path, found: set[str]) -> None:
    (data / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in sorted(found))
    write_whole(data / FOLDER / FILE, text.encode())
