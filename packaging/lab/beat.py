"""A workload that tells all the time that it runs, and who listens to it.

Each beat is one line: instance, revision, and the box's own time since boot. What arrived is
stamped with this machine's clock, the same for all boxes: two that beat at once ran at once. The
lab never cuts the way that it takes, only the one to the broker.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import itertools
import math
import socketserver
import tarfile
import threading
import time
from collections.abc import Iterable, Sequence

from lab.podman import BUSYBOX

PORT = 9999
EVERY_S = 0.2
LATEST_S = 5.0
"""A beat that is so much younger than another of its box is one of a later boot."""
KEPT_S = 1800.0
"""So long what arrived is kept."""
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
        self._beats: collections.deque[Beat] = collections.deque()
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
        """Note one beat; what a power cut made shorter is none."""
        at_s, words = time.monotonic(), line.split()
        if len(words) == 3 and line.endswith("\n"):
            with self._lock:
                self._beats.append(Beat(at_s, box, words[0], words[1], float(words[2])))
                while self._beats[0].at_s < at_s - KEPT_S:
                    self._beats.popleft()

    def since(self, at_s: float) -> list[Beat]:
        """Return what arrived since then, the oldest first."""
        with self._lock:
            newest = itertools.takewhile(lambda one: one.at_s >= at_s, reversed(self._beats))
            return list(newest)[::-1]


@dataclasses.dataclass(frozen=True, slots=True)
class Overlap:
    """Two boxes ran an instance at once, for so long as was seen."""

    instance: str
    boxes: tuple[str, str]
    from_s: float
    to_s: float


def as_sent(beats: Iterable[Beat]) -> list[Beat]:
    """Return beats with `at_s` as they were sent, by this machine's clock.

    A box stamps a beat with the time since its boot. What of all beats of a boot came soonest says
    when that boot was; what waited on its way, or in a busy machine, counts from when it was sent.
    """
    begun: dict[tuple[str, int], float] = {}
    boots: dict[str, tuple[int, float]] = {}
    numbered = []
    for beat in sorted(beats, key=lambda one: one.at_s):
        boot, newest_s = boots.get(beat.box, (0, 0.0))
        if beat.boot_s < newest_s - LATEST_S:
            boot, newest_s = boot + 1, 0.0
        boots[beat.box] = boot, max(newest_s, beat.boot_s)
        key = beat.box, boot
        begun[key] = min(beat.at_s - beat.boot_s, begun.get(key, math.inf))
        numbered.append((key, beat))
    return [dataclasses.replace(beat, at_s=begun[key] + beat.boot_s) for key, beat in numbered]


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
