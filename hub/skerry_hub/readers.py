"""Which other systems may read the fleet's views on the hub's broker: a file, a name a line.

A certificate alone opens nothing: whoever is taken off the list reads no more, at once.
"""

from __future__ import annotations

import pathlib

from skerry_hub import broker_access
from skerry_hub.pki.own_certificates import FOLDER
from skerry_hub.whole_file import write_whole

FILE = "readers"


def names(data: pathlib.Path) -> tuple[str, ...]:
    """Return the names that a data folder lists. Raises OSError, ValueError where one is none."""
    try:
        text = (data / FOLDER / FILE).read_text()
    except FileNotFoundError:
        return ()
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    for name in found:
        broker_access.reader(name)
    return found


def add(data: pathlib.Path, name: str) -> None:
    """List a name. Raises OSError, ValueError."""
    broker_access.reader(name)
    _write(data, {*names(data), name})


def remove(data: pathlib.Path, name: str) -> bool:
    """Take a name off the list, and say whether it was there. Raises OSError, ValueError."""
    found = set(names(data))
    if name not in found:
        return False
    _write(data, found - {name})
    return True


def _write(data: pathlib.Path, found: set[str]) -> None:
    (data / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(f"{name}\n" for name in sorted(found))
    write_whole(data / FOLDER / FILE, text.encode())
