"""A workload that tells all the time that it runs, and who listens to it.

Each beat is one line: instance, revision, and the box's own time since boot. What arrived is
stamped with this machine's clock, the same for all boxes: two that beat at once ran at once. The
lab never cuts the way that it takes, only the one to the broker.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import pathlib
import socketserver
import tarfile
import threading
import time
from collections.abc import Iterable, Sequence

from lab.podman import BUSYBOX

PORT = 9999
EVERY_S = 0.2
IMAGE = "localhost/beat"

_SCRIPT = """\
#!/bin/busybox sh
# One program that sends, fed by a loop that starts no other.
/bin/busybox mkfifo /tmp/never 2>/dev/null
{{
    while :; do
        read -r up _ < /proc/uptime
        echo "$INSTANCE $REVISION $up"
        read -r -t {every} _ <> /tmp/never
    done
}} | /bin/busybox nc {host} {port}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Beat:
    """One sign of life: `at_s` by this machine's monotonic clock, `boot_s` by the box's.

    `box` is the address that it came from.
    """

    at_s: float
    box: str
    instance: str
    revision: str
    boot_s: float


def image_tar(host: str, revision: str, healthy: bool = True) -> bytes:
    """Return the root file system of an image that beats; its health check says what it is told."""
    buffer = io.BytesIO()
    script = _SCRIPT.format(every=EVERY_S, host=host, port=PORT)
    check = "#!/bin/busybox sh\nexit 0\n" if healthy else "#!/bin/busybox sh\nexit 1\n"
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("bin", "tmp", "proc", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(entry)
        archive.add(BUSYBOX, "bin/busybox")
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(link)
        for name, text in (("bin/beat", script), ("bin/check", check), ("revision", revision)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Listener:
    """Takes the beats of all boxes."""

    def __init__(self, address: str) -> None:
        """Listen, from now on."""
        self._lock = threading.Lock()
        self._beats: list[Beat] = []
        listener = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    listener.take(str(self.client_address[0]), line.decode(errors="replace"))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self._server = Server((address, PORT), Connection)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, box: str, line: str) -> None:
        """Note one beat."""
        at_s, words = time.monotonic(), line.split()
        if len(words) == 3:
            with self._lock:
                self._beats.append(Beat(at_s, box, words[0], words[1], float(words[2])))

    def since(self, at_s: float) -> list[Beat]:
        """Return what arrived since then."""
        with self._lock:
            return [one for one in self._beats if one.at_s >= at_s]

    def all(self) -> list[Beat]:
        """Return everything that arrived."""
        return self.since(0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """Two boxes ran an instance at once, for so long as was seen."""

    instance: str
    boxes: tuple[str, str]
    from_s: float
    to_s: float


def overlaps(beats: Iterable[Beat], gap_s: float = 3.0) -> list[Overlap]:
    """Return where one instance ran on two boxes at once.

    A box runs an instance from the first beat of a row to the last; a pause of more than `gap_s`
    ends a row. Beats that the network lost make a row shorter, never longer.
    """
    rows: dict[str, list[tuple[str, float, float]]] = collections.defaultdict(list)
    open_rows: dict[tuple[str, str], tuple[float, float]] = {}
    for beat in sorted(beats, key=lambda one: one.at_s):
        key = beat.instance, beat.box
        first, last = open_rows.get(key, (beat.at_s, beat.at_s))
        if beat.at_s - last > gap_s:
            rows[beat.instance].append((beat.box, first, last))
            first = beat.at_s
        open_rows[key] = first, beat.at_s
    for (instance, box), (first, last) in open_rows.items():
        rows[instance].append((box, first, last))
    return [
        Overlap(instance, (one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]))
        for instance, found in rows.items()
        for one, other in _pairs(sorted(found, key=lambda row: row[1]))
    ]


def _pairs(
    rows: Sequence[tuple[str, float, float]],
) -> Iterable[tuple[tuple[str, float, float], tuple[str, float, float]]]:
    for index, one in enumerate(rows):
        for other in rows[index + 1 :]:
            if other[1] > one[2]:
                break
            if other[0] != one[0]:
                yield one, other


def write(place: pathlib.Path, beats: Iterable[Beat]) -> None:
    """Keep beats in a file, one on a line."""
    place.write_text(
        "".join(f"{b.at_s:.3f} {b.box} {b.instance} {b.revision} {b.boot_s}\n" for b in beats)
    )
