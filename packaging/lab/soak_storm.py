"""How boxes with certificates come back to a broker that was killed, and what refused ones ask.

    python -m lab.soak_storm --boxes 1000 --refused 20 --away 8

A real hub, and a real mosquitto by the files that it writes, as `skerry-hub broker` runs it; the
boxes are simulated (`lab.boxes`), with the agent's own link and a certificate each. Some of them
are revoked: the broker refuses these. Who is there is what the broker says; when boxes ask, they say.
"""

from __future__ import annotations

import argparse
import bisect
import dataclasses
import itertools
import json
import multiprocessing
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import IO, Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from lab.boxes import Boxes, standing
from lab.fleet import Hub
from lab.processes import LabError, free_port, wait_for
from lab.soak_loss import PER_PROCESS
from lab.soak_progress import Progress
from skerry_hub import mosquitto_process
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.pki import authority, leaves
from skerry_hub.pki.authority import Authority
from skerry_hub.store_opening import open_store

AWAYS_S = (1.0, 8.0, 35.0)
"""How long the broker is away, one time after the other: boxes are at different attempts then."""
STARTED_A_SECOND = 40
"""Boxes: what comes at once does not get in, for the boxes of all are on this machine, too."""
BACK_S = 60.0
MOST_A_SECOND = 100
PATIENT_S = 300.0
"""After so long, who is refused asks at most once in `REFUSED_GAP_S`."""
REFUSED_GAP_S = 60.0
REFUSED_WATCH_S = 360.0
"""For how long that is watched."""
_IN = re.compile(rb"New client connected from \S+ as (\S+) ")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is measured."""

    boxes: int = 1000
    refused: int = 20
    away_s: float = 8.0
    heartbeat_s: float = 15.0
    steady_s: float = 35.0
    """How long all are connected before the broker is killed: then it was a good connection."""
    watch_s: float = REFUSED_WATCH_S
    """How long refused ones are watched once they are patient; 0: not at all."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of one absence."""

    boxes: int
    away_s: float
    back_s: float | None
    """Until every box was there again, from when the broker listened; None: not in time."""
    most_a_second: int
    """Connections that were asked for within any second after that, refused ones among them."""
    refused: int
    shortest_gap_s: float | None
    """Between two attempts of one refused box, once it had been refused for long; None: not seen."""

    @property
    def met(self) -> bool:
        """Whether it came to what is asked for."""
        in_time = self.back_s is not None and self.back_s <= BACK_S
        patient = self.shortest_gap_s is None or self.shortest_gap_s >= REFUSED_GAP_S
        return in_time and self.most_a_second <= MOST_A_SECOND and patient


class Broker:
    """A mosquitto by a hub's files, whose connections are counted as they come."""

    def __init__(self, folder: pathlib.Path, files: pathlib.Path, port: int) -> None:
        self.port = port
        self._files = files
        self._run = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.there: dict[str, float] = {}
        """When each client came in, the last time."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        conf = (self._files / "mosquitto.conf").read_text() + "\nlog_type notice\nlog_dest stderr\n"
        self._process = mosquitto_process.start(
            self._files, conf, self._run, persistent=False, output=subprocess.PIPE
        )
        stream = self._process.stderr
        assert stream is not None
        threading.Thread(target=self._count, args=(stream,), daemon=True).start()
        wait_for("mosquitto to listen", lambda: mosquitto_process.listens("127.0.0.1", self.port))

    def _count(self, stream: IO[bytes]) -> None:
        for line in stream:
            if found := _IN.search(line):
                self.there[found[1].decode()] = time.monotonic()

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


# --- boxes, in processes of their own -----------------------------------------------------------


def _serve(
    pipe: Connection, url: str, key: str, names: Sequence[str], wanted: Wanted, folder: pathlib.Path
) -> None:
    """Run boxes, and do what the other end of the pipe asks."""
    made = standing(wanted.boxes + wanted.refused)
    boxes = Boxes(url, key, {name: made[name] for name in names}, {}, folder)
    for box in boxes:
        box.settings = dataclasses.replace(
            box.settings, heartbeat_s=wanted.heartbeat_s, round_trips=False
        )
    processes = -(-(wanted.boxes + wanted.refused) // PER_PROCESS)
    for box in boxes:
        box.start()
        time.sleep(processes / STARTED_A_SECOND)
    while pipe.recv() != "end":
        pipe.send({box.node: box.attempts for box in boxes})


class Farm:
    """All boxes, by processes."""

    def __init__(
        self, url: str, key: str, names: Sequence[str], wanted: Wanted, folder: pathlib.Path
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for start in range(0, len(names), PER_PROCESS):
            ours, theirs = context.Pipe()
            some = names[start : start + PER_PROCESS]
            process = context.Process(target=_serve, args=(theirs, url, key, some, wanted, folder))
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def attempts(self) -> dict[str, list[float]]:
        """Return when each box tried to connect."""
        found: dict[str, list[float]] = {}
        for pipe in self._pipes:
            pipe.send("attempts")
            found |= pipe.recv()
        return found

    def stop(self) -> None:
        """End all."""
        for pipe in self._pipes:
            pipe.send("end")
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.kill()


# --- the course ---------------------------------------------------------------------------------


class Course:
    """A hub, its broker and all boxes."""

    def __init__(self, folder: pathlib.Path, wanted: Wanted) -> None:
        self._wanted = wanted
        port, files = free_port(), folder / "files"
        url = f"mqtts://127.0.0.1:{port}"
        words = [f"--broker={url}", f"--broker-folder={files}", "--name=127.0.0.1", "--auth=off"]
        words.append(f"--mqtt-listen=127.0.0.1:{port}")
        self.hub = Hub(folder / "hub", options=words)
        self.broker = Broker(folder / "broker", files, port)
        names = tuple(standing(wanted.boxes + wanted.refused))
        self.names, self.refused = names[: wanted.boxes], names[wanted.boxes :]
        self._url = url
        self._folder = folder
        self._farm: Farm | None = None

    def start(self) -> None:
        """Start everything, and wait until every box is there that may be."""
        self.hub.start()
        data = self.hub.folder / "data"
        signer = authority.read((data / authority.PRIVATE).read_bytes(), "the hub's")
        place = self._folder / "boxes"
        certify(signer, (*self.names, *self.refused), place)
        self._shut_out(data, place)
        self.broker.start()
        everybody = (*self.names, *self.refused)
        self._farm = Farm(self._url, self.hub.key, everybody, self._wanted, place)
        self._until_there(0.0, 300)

    def _shut_out(self, data: pathlib.Path, place: pathlib.Path) -> None:
        """Have the hub list the certificates of those who are to be refused."""
        self.hub.stop()
        store = open_store(f"sqlite:///{data / 'hub.db'}")
        with store.aside() as connection:
            shut_out(connection, self.refused, place)
        store.close()
        self.hub.start()

    def absence(self, away_s: float) -> Found:
        """Kill the broker, start it again after a time, and return what came of it."""
        time.sleep(self._wanted.steady_s)
        self.broker.kill()
        time.sleep(away_s)
        back_at = time.monotonic()  # some come in before it is seen that it listens
        self.broker.start()
        try:
            last = self._until_there(back_at, 2 * BACK_S)
        except LabError:
            last = None
        return Found(
            boxes=len(self.names),
            away_s=away_s,
            back_s=None if last is None else round(last - back_at, 1),
            most_a_second=most_within(self._asked_since(back_at), 1.0),
            refused=len(self.refused),
            shortest_gap_s=None,
        )

    def _asked_since(self, since: float) -> list[float]:
        """Return when boxes asked the broker, sorted; by their own clock, which is this machine's.

        What a busy machine does to the broker, or to who reads its log, is no matter of theirs.
        """
        assert self._farm is not None
        times = [at for ones in self._farm.attempts().values() for at in ones]
        return sorted(at for at in times if at >= since)

    def patience(self) -> float | None:
        """Return the shortest time between attempts of one that has been refused for long."""
        assert self._farm is not None
        begun = min((times[0] for times in self._of_refused().values() if times), default=None)
        if begun is None:
            return None
        since = max(begun + PATIENT_S, time.monotonic())
        time.sleep(max(0.0, since + self._wanted.watch_s - time.monotonic()))
        gaps = [
            later - earlier
            for times in self._of_refused().values()
            for earlier, later in itertools.pairwise(times)
            if earlier >= since
        ]
        return round(min(gaps), 1) if gaps else None

    def _of_refused(self) -> dict[str, list[float]]:
        assert self._farm is not None
        found = self._farm.attempts()
        return {name: found[name] for name in self.refused}

    def _until_there(self, since: float, timeout_s: float) -> float:
        """Wait until every box has come in since then; return when the last did."""
        there = self.broker.there
        wait_for(
            "every box to be there",
            lambda: all(there.get(name, -1.0) >= since for name in self.names),
            timeout_s,
        )
        return max(there[name] for name in self.names)

    def stop(self) -> None:
        """End everything."""
        if self._farm is not None:
            self._farm.stop()
        self.hub.stop()
        self.broker.stop()


def certify(signer: Authority, names: Sequence[str], place: pathlib.Path) -> None:
    """Write key and certificate of each box, and who vouches for the broker."""
    place.mkdir(parents=True)
    (place / "ca.pem").write_bytes(signer.pem)
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        made = leaves.node(signer, name, key.public_key(), leaves.stamp(time.time(), 86_400.0))
        text = authority.private_pem(key).decode() + leaves.pem(made)
        (place / f"{name}.pem").write_text(text)


def shut_out(connection: sa.Connection, names: Sequence[str], place: pathlib.Path) -> None:
    """Note certificates as revoked."""
    from skerry_hub.joining.records import Certificate  # noqa: PLC0415

    rows, now = EnrollmentRows(connection), time.time()
    for name in names:
        serial = leaves.serial_of((place / f"{name}.pem").read_bytes())
        rows.add_certificate(
            Certificate(
                serial=f"{serial:x}",
                node=name,
                key_digest=f"{serial:064x}"[:64],
                issued_at=now,
                expires_at=now + 86_400.0,
                join_token=None,
                pem="",
            )
        )
        rows.revoke_certificates(name, now)


def most_within(times: Sequence[float], span_s: float) -> int:
    """Return the most of these sorted times that lie within any span."""
    return max(
        (at + 1 - bisect.bisect_right(times, one - span_s) for at, one in enumerate(times)),
        default=0,
    )


def measure(folder: pathlib.Path, wanted: Wanted, aways: Sequence[float]) -> list[Found]:
    """Return what came of these absences, one after the other."""
    course = Course(folder, wanted)
    try:
        course.start()
        found = [course.absence(away_s) for away_s in aways]
        gap_s = course.patience() if wanted.refused and wanted.watch_s else None
        return [*found[:-1], dataclasses.replace(found[-1], shortest_gap_s=gap_s)]
    finally:
        course.stop()


def storms(count: int, _seed: int, progress: Progress[Found] | None = None) -> list[Found]:
    """Have the broker of 1,000 boxes be killed so many times, and return what was seen."""
    progress = progress or Progress(count, "absences")
    progress.begin()
    aways = [AWAYS_S[number % len(AWAYS_S)] for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        for found in measure(pathlib.Path(name), Wanted(), aways):
            progress.add(found, table([found]))
    return progress.found


def table(found: Sequence[Found]) -> str:
    """Return what came of it, an absence a line."""
    return f"{len(found)} absences\n" + "\n".join(_line(one) for one in found)


def _line(one: Found) -> str:
    back = "not in time" if one.back_s is None else f"after {one.back_s:g} s"
    gap = "" if one.shortest_gap_s is None else f", each at most once in {one.shortest_gap_s:g} s"
    return (
        f"{one.boxes} boxes with certificates, broker away {one.away_s:g} s: all back {back}, "
        f"{one.most_a_second} connections in the busiest second; {one.refused} refused{gap}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status: 0 when all is as wanted."""
    parser = argparse.ArgumentParser(prog="soak_storm", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--refused", type=int, default=20)
    parser.add_argument("--away", type=float, nargs="*", default=[8.0], help="seconds")
    parser.add_argument("--watch", type=float, default=REFUSED_WATCH_S, help="refused ones, s")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="skerry-soak-"))
    wanted = Wanted(boxes=given.boxes, refused=given.refused, watch_s=given.watch)
    try:
        found = measure(folder, wanted, given.away)
    except LabError as error:
        print(f"soak_storm: {error}; everything is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    plain: list[Any] = [dataclasses.asdict(one) for one in found]
    print(json.dumps(plain) if given.output == "json" else table(found))
    return 0 if all(one.met for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
