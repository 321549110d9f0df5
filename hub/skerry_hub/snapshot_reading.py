"""A fleet out of a file: a hub's snapshot, or what agents say they have. Everything checked. Pure.

A fleet is one of: a snapshot (`snapshot.py`); what `skerry-agent capability -o json` writes, once
or for many nodes, one after the other or in a list. Of the latter a node's id is made of its
hostname.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args

from skerry_hub.document_checks import DocumentError, document_of
from skerry_hub.documents import KINDS, KeptDocument
from skerry_hub.hardware_reading import HARDWARE_KEYS, UNKNOWN, HardwareReader
from skerry_hub.json_stream import JsonError, JsonStream
from skerry_hub.latency import place_of
from skerry_hub.model import Assignment, Liveness, Node
from skerry_hub.placement.contradiction import MAX_EFFORT
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.round_trips import LIMIT_MS
from skerry_hub.snapshot import FORMAT, Snapshot
from skerry_hub.state import Kept
from skerry_hub.views import Problem
from skerry_hub.work import Strategy
from skerry_hub.workloads.asked_for import checked
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware
from skerry_wire.labels import wrong_key, wrong_value

T = TypeVar("T")
MOST = {
    "nodes": 1_000_000,
    "workloads": 1_000_000,
    "assignments": 10_000_000,
    "documents": 10_000,
    "round_trips": 1_000_000,
}
"""Most entries of each list."""
MOST_TARGETS = 1024
_UNFIT = re.compile("[^a-z0-9]+")
_INCARNATION = "0" * 32


class FleetError(Exception):
    """A file that is no fleet: what is wrong, with the entry and the field."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.file}:{problem.line}: {problem.field}: {problem.reason}")
        self.problem = problem


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """What a file holds."""

    snapshot: Snapshot
    edited: int = 0
    """Nodes whose hardware is not what its revision says."""


def read_fleet(chunks: Iterator[str], file: str) -> Fleet:
    """Return the fleet that a text holds, given in pieces. Raises FleetError."""
    stream = JsonStream(chunks)
    reading = _Reading(stream, file)
    try:
        return reading.fleet()
    except JsonError as error:
        raise FleetError(Problem(reason=error.reason, file=file, line=error.line)) from None
    except UnicodeDecodeError:
        raise FleetError(Problem(reason="is not UTF-8 text", file=file)) from None


class _Reading:
    """One file being read."""

    def __init__(self, stream: JsonStream, file: str) -> None:
        self._stream, self._file = stream, file
        self._hardware = HardwareReader(strict=False)
        self._kept_hardware = HardwareReader(strict=True)
        self._field = ""
        """The entry that is being read."""
        self._nodes: dict[str, Node] = {}
        self._workloads: dict[str, Kept] = {}
        self._assignments: dict[str, Assignment] = {}
        self._documents: dict[tuple[str, str], KeptDocument] = {}
        self._round_trips: dict[str, dict[str, float]] = {}
        self._edited = 0

    def fleet(self) -> Fleet:
        """Return what the file holds."""
        single: dict[str, Any] = {}
        match self._stream.peek():
            case "":
                raise self._wrong("holds nothing")
            case "[":
                for index, plain in enumerate(self._stream.elements()):
                    self._told(f"[{index}]", plain)
                self._end()
            case _:
                single = self._objects()
        snapshot = Snapshot(
            at=self._moment(single.get("at")),
            nodes=tuple(self._nodes.values()),
            workloads=tuple(self._workloads.values()),
            assignments=tuple(self._assignments.values()),
            documents=tuple(self._documents.values()),
            round_trip_ms=self._round_trips,
            strategy=self._strategy(single.get("strategy", "spread")),
            inputs=self._inputs(single.get("inputs")),
        )
        return Fleet(snapshot, self._edited)

    def _end(self) -> None:
        if self._stream.peek():
            raise JsonError("goes on after its end", self._stream.line)

    def _moment(self, found: Any) -> float | None:
        if found is None:
            return None
        if type(found) not in (int, float) or not 0 <= found <= 2**40:
            raise self._wrong("must be a time in s since 1970", "at")
        return float(found)

    def _strategy(self, found: Any) -> Strategy:
        for strategy in get_args(Strategy):
            if strategy == found:
                return strategy  # type: ignore[no-any-return]
        raise self._wrong(f"must be one of {', '.join(get_args(Strategy))}", "strategy")

    def _inputs(self, found: Any) -> str | None:
        if found is not None and not isinstance(found, str):
            raise self._wrong("must be text", "inputs")
        return found

    def _objects(self) -> dict[str, Any]:
        """Read a snapshot, and return its single values, or what agents say, one by one."""
        first: dict[str, Any] = {}
        for number, key in enumerate(self._stream.members()):
            if number == 0 and key == "snapshot":
                return self._snapshot()
            if key in MOST and key not in first:
                raise self._wrong('is no snapshot: "snapshot" must be its first key', key)
            first[key] = self._stream.value()
        self._told("[0]", first)
        index = 1
        while self._stream.peek():
            self._told(f"[{index}]", self._stream.value())
            index += 1
        return {}

    # --- a snapshot ---------------------------------------------------------------------------

    def _snapshot(self) -> dict[str, Any]:
        """Read on in a snapshot whose first key was read."""
        stream = self._stream
        single: dict[str, Any] = {"snapshot": stream.value()}
        self._check_format(single["snapshot"])
        seen = set()
        while stream.peek() == ",":
            stream.take(",")
            key = stream.value()
            stream.take(":")
            if key in seen or not isinstance(key, str):
                raise self._wrong("is there twice", str(key)[:80])
            seen.add(key)
            if key in MOST:
                self._list(key)
            elif key in _SINGLE_KEYS:
                single[key] = stream.value()
            else:
                raise self._wrong(UNKNOWN, key[:80])
        stream.take("}")
        self._end()
        return single

    def _check_format(self, found: Any) -> None:
        if found != FORMAT or isinstance(found, bool):
            reason = f"is format {str(found)[:20]}, and this version reads {FORMAT}"
            raise self._wrong(reason, "snapshot")

    def _list(self, name: str) -> None:
        take: Callable[[Any], None] = {
            "nodes": self._node,
            "workloads": self._workload,
            "assignments": self._assignment,
            "documents": self._document,
            "round_trips": self._round_trip,
        }[name]
        for index, plain in enumerate(self._stream.elements()):
            self._field = f"{name}[{index}]"
            if index >= MOST[name]:
                raise self._wrong(f"there may be {MOST[name]}")
            if not isinstance(plain, dict):
                raise self._wrong("must be an object")
            take(plain)
        self._field = ""

    def _node(self, plain: dict[str, Any]) -> None:
        told = plain.get("capability")
        hardware, edited = None, False
        if isinstance(told, dict) and "hardware" in told:
            read = self._kept_hardware
            hardware = self._read_hardware(read, told["hardware"], "capability.hardware")
            plain = {**plain, "capability": {**told, "hardware": {}}}
        node = self._record(Node, plain)
        self._check_labels(node)
        if hardware is not None and node.capability is not None:
            revision = self._hardware.revision(hardware)
            edited = revision != node.capability.revision
            capability = dataclasses.replace(node.capability, hardware=hardware, revision=revision)
            node = dataclasses.replace(node, capability=capability)
        self._edited += edited
        self._put(self._nodes, node.id, node)

    def _check_labels(self, node: Node) -> None:
        """Refuse what the hub lets nobody give a node: it would select nothing."""
        for key, value in node.labels.items():
            if wrong := wrong_key(key) or wrong_value(key, value):
                raise self._wrong(wrong, f"{self._field}.labels.{key[:80]}")
        for index, taint in enumerate(node.taints):
            if wrong := wrong_key(taint.key) or wrong_value(taint.key, taint.value):
                raise self._wrong(wrong, f"{self._field}.taints[{index}]")

    def _workload(self, plain: dict[str, Any]) -> None:
        kept = self._record(Kept, plain)
        field = f"{self._field}.workload"

        def note(name: str, reason: str) -> None:
            raise self._wrong(reason, f"{field}.{name}" if name else field)

        checked(kept.workload, note, Effort(MAX_EFFORT))
        self._put(self._workloads, kept.workload.name, kept)

    def _assignment(self, plain: dict[str, Any]) -> None:
        one = self._record(Assignment, plain)
        if one.node not in self._nodes:
            raise self._wrong(f"there is no node {one.node} above it", f"{self._field}.node")
        if one.workload not in self._workloads:
            reason = f"there is no workload {one.workload} above it"
            raise self._wrong(reason, f"{self._field}.workload")
        self._put(self._assignments, one.id, one)

    def _document(self, plain: dict[str, Any]) -> None:
        kind = plain.get("kind")
        record = KINDS.get(kind) if isinstance(kind, str) else None
        if record is None:
            raise self._wrong(f"must be one of {', '.join(KINDS)}", f"{self._field}.kind")
        self._check_keys(plain, _DOCUMENT_KEYS)
        try:
            document = document_of(record, plain.get("content"))
        except DocumentError as error:
            fault = error.faults[0]
            field = f"{self._field}.content" + (f".{fault.field}" if fault.field else "")
            raise self._wrong(fault.reason, field) from None
        version = plain.get("version", 1)
        if type(version) is not int or version < 1:
            raise self._wrong("must be a whole number from 1", f"{self._field}.version")
        if plain.get("name", document.name) != document.name:
            raise self._wrong("is not the name in its content", f"{self._field}.name")
        kept = KeptDocument(document=document, version=version, created_at=0.0, updated_at=0.0)
        self._put(self._documents, (str(kind), document.name), kept)

    def _round_trip(self, plain: dict[str, Any]) -> None:
        node, told = plain.get("node"), plain.get("ms")
        if not isinstance(node, str) or not isinstance(told, dict) or len(told) > MOST_TARGETS:
            raise self._wrong(f"must have a node, and ms of at most {MOST_TARGETS} targets")
        self._check_keys(plain, _ROUND_TRIP_KEYS)
        if node not in self._nodes:
            raise self._wrong(f"there is no node {node[:80]} above it", f"{self._field}.node")
        found: dict[str, float] = {}
        for target, ms in told.items():
            field = f"{self._field}.ms.{target[:80]}"
            place = place_of(target)
            if place is None or place == node:
                raise self._wrong("is no target of this node", field)
            if type(ms) not in (int, float) or not 0 < ms <= LIMIT_MS:
                raise self._wrong(f"must be more than 0 and at most {LIMIT_MS:g} ms", field)
            found[place] = float(ms)
        self._put(self._round_trips, node, found)

    # --- what an agent says -------------------------------------------------------------------

    def _told(self, field: str, plain: Any) -> None:
        """Take what one agent says it has: its hardware, or a capability message."""
        self._field = field
        if len(self._nodes) >= MOST["nodes"]:
            raise self._wrong(f"there may be {MOST['nodes']} nodes")
        if not isinstance(plain, dict):
            raise self._wrong("must be an object: what `skerry-agent capability -o json` writes")
        inner = plain.get("hardware", plain)
        if not isinstance(inner, dict) or not (inner.keys() & HARDWARE_KEYS):
            raise self._wrong("is neither a snapshot nor what an agent says it has")
        hardware = self._read_hardware(self._hardware, inner, "" if inner is plain else "hardware")
        name = self._id(hardware)
        capability = Capability(
            incarnation=_INCARNATION,
            boot=1,
            seq=1,
            revision=self._hardware.revision(hardware),
            hardware=hardware,
        )
        self._nodes[name] = Node(
            id=name,
            incarnation=_INCARNATION,
            registered_at=0.0,
            capability=capability,
            liveness=Liveness.ONLINE,
        )

    def _id(self, hardware: Hardware) -> str:
        """Return an id that is the hostname, and a number where another node has it already."""
        hostname = hardware.system.hostname
        if not hostname:
            raise self._wrong(
                "is missing: a node's id is made of it", f"{self._field}.system.hostname"
            )
        base = _UNFIT.sub("-", hostname.lower())[:50].strip("-") or "node"
        name, number = base, 2
        while name in self._nodes:
            name = f"{base}-{number}"
            number += 1
        return name

    # --- records ------------------------------------------------------------------------------

    def _read_hardware(self, reader: HardwareReader, plain: Any, below: str) -> Hardware:
        try:
            return reader.read(plain)
        except WireError as error:
            raise self._wrong_wire(error.under(below) if below else error) from None

    def _record(self, kind: type[T], plain: Any) -> T:
        """Read a record; a key that is none of its own would be a change that is not made."""
        try:
            return codec.from_plain(kind, plain, strict=True)
        except WireError as error:
            raise self._wrong_wire(error) from None

    def _check_keys(self, plain: dict[str, Any], known: frozenset[str]) -> None:
        other = next((key for key in plain if key not in known), None)
        if other is not None:
            raise self._wrong(UNKNOWN, f"{self._field}.{other[:80]}")

    def _put(self, into: dict[Any, Any], key: Any, record: Any) -> None:
        if key in into:
            name = "/".join(key) if isinstance(key, tuple) else key
            raise self._wrong(f"{name} is there twice")
        into[key] = record

    def _wrong_wire(self, error: WireError) -> FleetError:
        return self._wrong(error.reason, ".".join(filter(None, (self._field, error.field))))

    def _wrong(self, reason: str, field: str | None = None) -> FleetError:
        name = self._field if field is None else field
        line = self._stream.line
        return FleetError(Problem(reason=reason, file=self._file, line=line, field=name or None))


_SINGLE_KEYS = frozenset({"version", "at", "strategy", "inputs"})
_DOCUMENT_KEYS = frozenset({"kind", "name", "version", "created_at", "updated_at", "content"})
_ROUND_TRIP_KEYS = frozenset({"node", "ms"})
