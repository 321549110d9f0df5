"""Records a box: the files that the probes read there, without serial numbers and addresses.

A recording is a tar file, which may be compressed; unpacked it is a root for `Host`. It holds
nothing but what probes ask for, and of that no identity.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from skerry_agent import capability, present
from skerry_agent.capability import Collected, SlowAnswer
from skerry_agent.host import Host
from skerry_agent.recording.archive import (
    ArchiveError,
    Tree,
    check_name,
    check_place,
    packed,
    unpack,
    write,
)
from skerry_agent.recording.extracts import extracts
from skerry_agent.recording.hosts import (
    INDEX,
    Index,
    Notes,
    RecordingHost,
    ReplayedHost,
    index_from_json,
)
from skerry_agent.recording.identities import identities
from skerry_agent.recording.redaction import RECORDED_NAME, Redaction
from skerry_agent.slow import looks
from skerry_agent.slow.table import SLOW_LOOKS, SlowLook
from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.hardware import Hardware, ProbeStatus

MAX_INDEX_BYTES = 8 * 1024 * 1024
STANDARD_OUTPUT = Path("-")


class RecordingError(Exception):
    """A recording cannot be written or read; the text says why."""


def record(
    file: Path, *, root: str | None = None, runtime_socket: str | None = None, force: bool = False
) -> str:
    """Record this box, or the one whose root is given, and return what to print. Raises."""
    if file != STANDARD_OUTPUT:
        _check(file, force=force)
    with _source(root, runtime_socket) as inner:
        host = RecordingHost(inner)
        quick = capability.collect(host)
        answers = _slow_answers(inner, quick.hardware)
        host.notes.index.slow = {name: dataclasses.asdict(one) for name, one in answers.items()}
        collected = _with_slow(quick, answers)
        redaction = Redaction(identities(inner))
        tree = _tree(host.notes, redaction, extracts(inner, collected.hardware))
        try:
            data = packed(tree, file.suffix)
            if file == STANDARD_OUTPUT:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                write(file, data, force=force)
        except ArchiveError as error:
            raise RecordingError(str(error)) from None
        with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
            copy = Path(folder) / f"copy{file.suffix}"
            copy.write_bytes(data)
            with opened(str(copy)) as again:
                differs = _differences(collected, collect(again), redaction)
        return _summary(file, len(data), tree, host.notes, collected, redaction, differs)


def _check(file: Path, *, force: bool) -> None:
    """Refuse what cannot be written before anything is read."""
    try:
        check_name(file)
        check_place(file, force=force)
    except ArchiveError as error:
        raise RecordingError(str(error)) from None


@contextlib.contextmanager
def _source(root: str | None, runtime_socket: str | None) -> Iterator[Host]:
    if root is None:
        yield Host("/", runtime_socket=runtime_socket)
        return
    with opened(root) as host:
        yield host


@contextlib.contextmanager
def opened(place: str) -> Iterator[Host]:
    """Yield the host of a recorded box: a folder, or a tar file. Raises RecordingError."""
    if os.path.isdir(place):
        yield _host_of(Path(place))
        return
    if not os.path.isfile(place):
        raise RecordingError(f"{place} is neither a folder nor a file")
    with tempfile.TemporaryDirectory(prefix="skerry-") as folder:
        try:
            unpack(Path(place), Path(folder))
        except ArchiveError as error:
            raise RecordingError(str(error)) from None
        yield _host_of(Path(folder))


def _host_of(folder: Path) -> Host:
    plain = Host(folder)
    data = plain.read(f"/{INDEX}", MAX_INDEX_BYTES)
    if not isinstance(data, bytes):
        return plain
    try:
        return ReplayedHost(folder, index_from_json(data))
    except ValueError as error:
        raise RecordingError(f"{folder / INDEX}: {error}") from None


def collect(host: Host) -> Collected:
    """Return what is found on a recorded box, with the slow looks' answers if it has them."""
    quick = capability.collect(host)
    return _with_slow(quick, _slow_answers(host, quick.hardware))


def _with_slow(quick: Collected, answers: Mapping[str, SlowAnswer]) -> Collected:
    return dataclasses.replace(quick, hardware=capability.merge_slow(quick.hardware, answers))


def _slow_answers(host: Host, hardware: Hardware) -> Mapping[str, SlowAnswer]:
    if not isinstance(host, ReplayedHost) or not host.slow:
        return looks.read_slow(host, hardware, None, wait=host.is_live)
    found = ((look.name, _slow_answer(look, host.slow.get(look.name))) for look in SLOW_LOOKS)
    return {name: answer for name, answer in found if answer is not None}


def _slow_answer(look: SlowLook, told: Any) -> SlowAnswer | None:
    """Return a slow look's answer from the index, None where it holds none or nonsense."""
    try:
        status = codec.from_plain(ProbeStatus, told["status"])
        values = None if told["values"] is None else look.values_of(told["values"])
    except (WireError, KeyError, TypeError, AttributeError):
        return None
    return SlowAnswer(status, values)


# --- what goes into the file ---------------------------------------------------------------------


def _tree(notes: Notes, redaction: Redaction, from_lists: dict[str, bytes]) -> Tree:
    """Return what was noted, without identities."""
    files = {
        redaction.path(path): redaction.content(path, content or b"")
        for path, content in sorted(notes.files.items())
    }
    links = {redaction.path(at): redaction.path(to) for at, to in sorted(notes.links.items())}
    folders = {redaction.path(path) for path in sorted(notes.folders)}
    files.update(from_lists)
    files[f"/{INDEX}"] = _redacted(notes.index, redaction).to_json()
    return Tree(files, frozenset(folders), links)


def _redacted(index: Index, redaction: Redaction) -> Index:
    clean = redaction.path
    return Index(
        kinds={clean(path): kind for path, kind in sorted(index.kinds.items())},
        unreadable={clean(path): reason for path, reason in sorted(index.unreadable.items())},
        space={clean(path): sizes for path, sizes in sorted(index.space.items())},
        answers={
            clean(asked): redaction.content(asked, told) if isinstance(told, bytes) else told
            for asked, told in sorted(index.answers.items())
        },
        machine=index.machine,
        runtime_socket=index.runtime_socket and clean(index.runtime_socket),
        slow=redaction.values(index.slow),
    )


# --- what is said about it -----------------------------------------------------------------------


def _differences(live: Collected, again: Collected, redaction: Redaction) -> tuple[str, ...]:
    """Return the names of what the recording does not show as the box does."""
    here = {
        key: redaction.values(value, names_host=key == "filesystems")
        for key, value in json.loads(present.to_json(live)).items()
    }
    there = json.loads(present.to_json(again))
    here["system"]["hostname"] = there["system"]["hostname"]
    here["labels"]["kubernetes.io/hostname"] = RECORDED_NAME
    there["labels"]["kubernetes.io/hostname"] = RECORDED_NAME
    return tuple(key for key in sorted(there) if _comparable(here[key]) != _comparable(there[key]))


def _comparable(value: Any) -> Any:
    """Return a value in which neither order nor time counts."""
    if isinstance(value, list):
        return sorted(json.dumps(_comparable(one), sort_keys=True) for one in value)
    if isinstance(value, dict):
        volatile = ("duration_ms", "available_bytes", "value")
        return {key: _comparable(one) for key, one in value.items() if key not in volatile}
    return value


def _summary(
    file: Path,
    size: int,
    tree: Tree,
    notes: Notes,
    collected: Collected,
    redaction: Redaction,
    differs: Iterable[str],
) -> str:
    statuses = sorted(collected.hardware.probes.items())
    replaced = [f"{count} {_plural(kind, count)}" for kind, count in redaction.counts.items()]
    lines = [
        f"{file}: {len(tree.files)} files, {len(tree.folders)} folders, {len(tree.links)} links, "
        f"{present.human_bytes(size)}"
    ]
    for word in ("found", "absent", "failed"):
        names = [name for name, status in statuses if status.status == word]
        if names:
            lines.append(f"{word}: {', '.join(names)}")
    lines.append(f"replaced: {', '.join(replaced) or 'nothing had to be'}")
    denied = sum(reason == "permission denied" for reason in notes.index.unreadable.values())
    if denied:
        lines.append(f"{denied} files may not be read by this user: root records more")
    told = ", ".join(differs)
    where = f"`skerry-agent capability --root {file}`"
    if file == STANDARD_OUTPUT:
        where = "what `skerry-agent capability --root` reads from it"
    lines.append(f"{where} differs from this box in {told}" if told else f"{where} finds the same")
    return "\n".join(lines)


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else kind + ("es" if kind.endswith("ss") else "s")
