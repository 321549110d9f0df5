"""What is mounted below a folder of the box, from the kernel's table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skerry_wire.workload import Container

_ESCAPE = re.compile(r"\\([0-7]{3})")


def below_read_only(container: Container, table: str) -> Iterator[str]:
    """Yield which folders cannot be mounted read-only, where what is below them comes along.

    It would be writable: https://kubernetes.io/docs/concepts/storage/volumes/#read-only-mounts
    """
    places = [_place(line) for line in table.splitlines()]
    for mount in container.mounts:
        if mount.kind != "bind" or not mount.read_only:
            continue
        folder = mount.source.rstrip("/") + "/"
        found = next((place for place in places if place.startswith(folder) and place != "/"), None)
        if found is not None:
            yield f"volumes: {mount.source} read-only: {found}, mounted below it, would be writable"


def _place(line: str) -> str:
    """Return where something is mounted: the second field of /proc/mounts."""
    fields = line.split(" ")
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[1]) if len(fields) > 1 else ""
