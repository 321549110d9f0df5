"""What changed of the records that placement decides from, so that they can be had as they were.

The log goes backwards: each transaction's entries say what the records were before it. What holds
now is in the store anyway, so nothing is ever written twice, and the oldest entries can go at any
time. Hardware that a node has no more is kept once, by its digest. Pure.

Entries are msgpack, zlib over those of a transaction: `[n, id, fields]`, `[w, name, workload]`,
`[a, id, assignment]`, `[d, kind, name, version, document]`; without what follows the name the
record was not there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgpack

from skerry_hub.documents import KINDS, KeptDocument
from skerry_hub.model import Assignment, Liveness, Node, Taint, Workload
from skerry_hub.overlay import Step
from skerry_hub.state import Kept, Known
from skerry_wire import codec
from skerry_wire.capability import Capability
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware

MOST_BYTES = 2**30
"""Of one transaction's entries, unpacked."""
MOST_ENTRY_BYTES = 16 * 1024 * 1024

M = TypeVar("M")
Entry = list[Any]


class LogError(Exception):
    """The log cannot be read; the text says which part of it."""


def entry_of(step: Step, hardware: dict[str, bytes]) -> Entry | None:
    """Return what takes a step back, None where it changed nothing that placement sees.

    Adds to `hardware` what a node had and has no more, by its digest.
    """
    before, after = step.before, step.after
    match step.section:
        case "nodes":
            return _node_entry(step.key, before, after, hardware)
        case "workloads":
            old = before and before.workload
            if old == (after and after.workload):
                return None
            return ["w", step.key, *([] if old is None else [codec.to_plain(old)])]
        case "assignments":
            if before == after:
                return None
            return ["a", step.key, *([] if before is None else [codec.to_plain(before)])]
        case "documents":
            if before == after:
                return None
            content = [] if before is None else [before.version, codec.to_plain(before.document)]
            return ["d", *step.key, *content]


def _node_entry(
    name: str, before: Node | None, after: Node | None, hardware: dict[str, bytes]
) -> Entry | None:
    if before is None:
        return None if after is None else ["n", name]
    fields = _fields(before, after, hardware)
    return ["n", name, fields] if fields else None


def _fields(node: Node, after: Node | None, hardware: dict[str, bytes]) -> dict[str, Any]:
    """Return what placement sees of a node, where it is other than after a step."""
    fields: dict[str, Any] = {}
    if after is None or node.liveness is not after.liveness:
        fields["liveness"] = node.liveness.value
    if after is None or node.diverged != after.diverged:
        fields["diverged"] = node.diverged
    if after is None or node.labels != after.labels:
        fields["labels"] = dict(node.labels)
    if after is None or node.taints != after.taints:
        fields["taints"] = [codec.to_plain(one) for one in node.taints]
    if after is None or not _same(node.capability, after.capability):
        fields["capability"] = _capability(node.capability, hardware)
    return fields


def _same(one: Capability | None, other: Capability | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.revision == other.revision and (
        one.hardware is other.hardware or one.hardware == other.hardware
    )


def _capability(found: Capability | None, hardware: dict[str, bytes]) -> list[str] | None:
    if found is None:
        return None
    data = codec.pack(found.hardware)
    digest = hashlib.sha256(data).hexdigest()[:32]
    if digest not in hardware:
        hardware[digest] = zlib.compress(data, 6)
    return [found.revision, digest]


# --- bytes --------------------------------------------------------------------------------


def packed(entries: Iterable[Any]) -> bytes:
    """Return entries of any number as bytes."""
    packer = msgpack.Packer(use_bin_type=True)
    press = zlib.compressobj(6)
    parts = [press.compress(packer.pack(entry)) for entry in entries]
    return b"".join(parts) + press.flush()


def unpacked(data: bytes, what: str, most: int = MOST_BYTES) -> list[Any]:
    """Return the entries that bytes hold, which are `most` bytes at most. Raises LogError."""
    try:
        press = zlib.decompressobj()
        plain = press.decompress(data, most)
        if press.unconsumed_tail or press.unused_data or not press.eof:
            raise LogError(f"the {what} is damaged: it ends too early, or is too large")
        reader = msgpack.Unpacker(
            raw=False,
            strict_map_key=True,
            max_buffer_size=max(len(plain), 1),
            max_array_len=codec.MAX_ELEMENTS,
            max_map_len=codec.MAX_ELEMENTS,
            max_ext_len=0,
        )
        reader.feed(plain)
        found = list(reader)
        if reader.tell() != len(plain):
            raise LogError(f"the {what} is damaged: its last entry is not whole")
    except LogError:
        raise
    except Exception as error:  # noqa: BLE001 - msgpack raises ValueError, TypeError and others
        words = f"{type(error).__name__} {str(error)[:80]}".rstrip()
        raise LogError(f"the {what} is damaged: {words}") from None
    return found


# --- the records as they were -------------------------------------------------------------


class Past:
    """Records, and how they were before, entry by entry, the newest first."""

    def __init__(self, known: Known) -> None:
        """Begin with what is known; it is read at once, and not changed."""
        self._nodes = dict(known.nodes)
        self._workloads = dict(known.workloads)
        self._assignments = dict(known.assignments)
        self._documents = dict(known.documents)
        self._hardware: dict[str, tuple[str, str]] = {}
        """Revision and digest of nodes whose hardware is to be looked up."""

    def take_back(self, entries: Sequence[Any], what: str) -> None:
        """Take back some steps, the last one first. Raises LogError."""
        for index in range(len(entries) - 1, -1, -1):
            try:
                self._take_back(entries[index])
            except WireError as error:
                raise LogError(f"entry {index} of the {what} is damaged: {error}") from None
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                raise LogError(f"entry {index} of the {what} is damaged") from None

    def _take_back(self, entry: Entry) -> None:
        match entry:
            case ["n", str(name)]:
                self._nodes.pop(name, None)
                self._hardware.pop(name, None)
            case ["n", str(name), dict(fields)]:
                self._nodes[name] = self._node(name, fields)
            case ["w", str(name), *content]:
                found = [codec.from_plain(Workload, one) for one in content]
                _put(
                    self._workloads,
                    name,
                    [Kept(workload=w, created_at=0.0, updated_at=0.0) for w in found],
                )
            case ["a", str(name), *content]:
                _put(
                    self._assignments,
                    name,
                    [codec.from_plain(Assignment, one) for one in content],
                )
            case ["d", str(kind), str(name)]:
                self._documents.pop((kind, name), None)
            case ["d", str(kind), str(name), int(version), content]:
                document = codec.from_plain(KINDS[kind], content)
                self._documents[kind, name] = KeptDocument(
                    document=document, version=version, created_at=0.0, updated_at=0.0
                )
            case _:
                raise ValueError("no entry")

    def _node(self, name: str, fields: Mapping[str, Any]) -> Node:
        node = self._nodes.get(name) or Node(id=name, incarnation="", registered_at=0.0)
        found: dict[str, Any] = {}
        if "liveness" in fields:
            found["liveness"] = Liveness(fields["liveness"])
        if "diverged" in fields:
            found["diverged"] = fields["diverged"]
        if "labels" in fields:
            found["labels"] = fields["labels"]
        if "taints" in fields:
            found["taints"] = tuple(codec.from_plain(Taint, one) for one in fields["taints"])
        if "capability" in fields:
            self._hardware.pop(name, None)
            found["capability"] = None
            if fields["capability"] is not None:
                revision, digest = fields["capability"]
                self._hardware[name] = str(revision), str(digest)
        return dataclasses.replace(node, **found)

    def known(self, hardware: Callable[[set[str]], Mapping[str, bytes]]) -> Known:
        """Return the records as they are now; `hardware` gives what is kept, by digest.

        Raises LogError where something is not kept, or is not what its digest says.
        """
        wanted = {digest for _, digest in self._hardware.values()}
        read = {digest: _hardware(digest, data) for digest, data in hardware(wanted).items()}
        for name, (revision, digest) in self._hardware.items():
            if digest not in read:
                raise LogError(f"the hardware that node {name} had is not kept any more")
            capability = Capability(
                incarnation="", boot=0, seq=0, revision=revision, hardware=read[digest]
            )
            self._nodes[name] = dataclasses.replace(self._nodes[name], capability=capability)
        return Known(
            nodes=self._nodes.values(),
            workloads=self._workloads.values(),
            assignments=self._assignments.values(),
            documents=self._documents.values(),
        )


def _hardware(digest: str, data: bytes) -> Hardware:
    try:
        press = zlib.decompressobj()
        plain = press.decompress(data, MOST_ENTRY_BYTES)
        if hashlib.sha256(plain).hexdigest()[:32] != digest:
            raise LogError(f"the hardware {digest} that was kept is damaged")
        return codec.decode(Hardware, plain, most=MOST_ENTRY_BYTES)
    except (zlib.error, WireError) as error:
        raise LogError(f"the hardware {digest} that was kept is damaged: {error}") from None


def _put(into: dict[str, M], name: str, found: Sequence[M]) -> None:
    """Put the record back, or take it away where there was none."""
    if found:
        into[name] = found[0]
    else:
        into.pop(name, None)
