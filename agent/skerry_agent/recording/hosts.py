"""Hosts that note what probes ask for, and that answer from such notes.

A tree of files cannot hold everything: what kind a socket or a device node is, why a file cannot be
read, how large a file system is. That stands in an index beside it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from skerry_agent.host import (
    GONE,
    MAX_LINKS,
    MAX_READ_BYTES,
    Ended,
    Gone,
    Host,
    Kind,
    NotEnded,
    Space,
    Unreadable,
)
from skerry_agent.recording.excerpts import excerpt, of_answer
from skerry_agent.recording.extracts import is_list

INDEX = "skerry-recording.json"
VERSION = 1

_OWN_FOLDERS = ("/proc/self", "/proc/thread-self")
"""Links to a process's number, which is another each time."""


@dataclasses.dataclass(slots=True)
class Index:
    """What files cannot say. Paths are those after all links, but for `space` and `answers`."""

    kinds: dict[str, Kind] = dataclasses.field(default_factory=dict)
    """Of sockets, device nodes and other special files."""
    unreadable: dict[str, str | None] = dataclasses.field(default_factory=dict)
    """Why a file or folder cannot be read; None when it answers that it is not there."""
    space: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    """Size and free bytes of mounted file systems."""
    answers: dict[str, bytes | str] = dataclasses.field(default_factory=dict)
    """What sockets answered, by `SOCKET TARGET`; text is the reason why one did not."""
    machine: str | None = None
    runtime_socket: str | None = None
    slow: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What the slow looks answered, by name: a recorded box has no programs to ask."""

    def to_json(self) -> bytes:
        """Return the index as a file's content."""
        answers = {
            key: {"reason": answer}
            if isinstance(answer, str)
            else {"base64": base64.b64encode(answer).decode("ascii")}
            for key, answer in self.answers.items()
        }
        plain = {**dataclasses.asdict(self), "answers": answers, "version": VERSION}
        return json.dumps(plain, indent=1, sort_keys=True).encode("utf-8") + b"\n"


def index_from_json(data: bytes) -> Index:
    """Return the index in a file's content. Raises ValueError when it is none."""
    try:
        plain = json.loads(data, parse_constant=_no_number)
        if plain["version"] != VERSION:
            raise ValueError(f"is of version {plain['version']!r}, this agent reads {VERSION}")
        return Index(
            kinds=_texts(plain["kinds"]),
            unreadable={path: _text(reason) for path, reason in plain["unreadable"].items()},
            space={
                path: (_size(size), _size(free)) for path, (size, free) in plain["space"].items()
            },
            answers={key: _answer(told) for key, told in plain["answers"].items()},
            machine=_text(plain["machine"]),
            runtime_socket=_text(plain["runtime_socket"]),
            slow=dict(plain.get("slow", {})),
        )
    except (KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise ValueError(f"is no index: {type(error).__name__}") from None


def _texts(plain: Any) -> Any:
    return {str(key): str(value) for key, value in plain.items()}


def _no_number(word: str) -> Any:
    raise ValueError(f"is no index: {word} is no number")


def _size(plain: Any) -> int:
    if type(plain) is not int or not 0 <= plain < 2**63:
        raise ValueError("is no index: a size is no number of bytes")
    return plain


def _text(plain: Any) -> str | None:
    return None if plain is None else str(plain)


def _answer(plain: Any) -> bytes | str:
    return str(plain["reason"]) if "reason" in plain else base64.b64decode(plain["base64"])


@dataclasses.dataclass(slots=True)
class Notes:
    """What was asked for. Paths are those after all links on the way."""

    files: dict[str, bytes | None] = dataclasses.field(default_factory=dict)
    """With their content; None when it was never read."""
    folders: set[str] = dataclasses.field(default_factory=set)
    links: dict[str, str] = dataclasses.field(default_factory=dict)
    index: Index = dataclasses.field(default_factory=Index)


class RecordingHost(Host):
    """Answers as the host does that it is given, and notes what is needed to answer so again."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner.root, live=inner.is_live, runtime_socket=inner.runtime_socket)
        self.notes = Notes()
        self.notes.index.machine = inner.machine()
        self.notes.index.runtime_socket = inner.runtime_socket
        self._inner = inner

    def afresh(self) -> Host:
        """Return this host itself: it is used for one look only."""
        return self

    def read(self, path: str, most: int = MAX_READ_BYTES) -> bytes | Gone | Unreadable:
        """Answer, and note the content or why there is none."""
        answer = self._inner.read(path, most)
        place = self._note(path)
        if place is None or is_list(place):
            return answer
        if isinstance(answer, bytes):
            self._keep(place, answer)
        elif place not in self.notes.index.kinds and place not in self.notes.folders:
            reason = answer.reason if isinstance(answer, Unreadable) else None
            self.notes.index.unreadable[place] = reason
        return answer

    def head(self, path: str, most: int) -> str | None:
        """Answer, and note the content."""
        answer = self._inner.head(path, most)
        place = self._note(path)
        if place is not None and answer is not None and not is_list(place):
            self._keep(place, answer.encode("utf-8"))
        return answer

    def _keep(self, place: str, content: bytes) -> None:
        kept = excerpt(place, content)
        if isinstance(kept, Unreadable):
            self.notes.index.unreadable[place] = kept.reason
            return
        before = self.notes.files.get(place)
        if before is None or len(before) < len(kept):
            self.notes.files[place] = kept

    @contextlib.contextmanager
    def pieces(self, path: str) -> Iterator[Callable[[int, int], bytes] | None]:
        """Answer; of lists so large that they are read piecewise, an extract is made later."""
        with self._inner.pieces(path) as piece:
            yield piece

    def names(self, path: str) -> tuple[str, ...] | Gone | Unreadable:
        """Answer, and note all that stands in the folder."""
        answer = self._inner.names(path)
        place = self._note(path)
        if place is not None and isinstance(answer, tuple):
            for name in answer:
                # Folders in /dev are called as groups of volumes are, and these as their host.
                if place != "/dev" or self._inner.kind(f"/dev/{name}") != "folder":
                    self._note(f"{place.rstrip('/')}/{name}", follow=False)
        elif place in self.notes.folders and isinstance(answer, Unreadable):
            self.notes.index.unreadable[place] = answer.reason
        return answer

    def folders(self, path: str) -> tuple[str, ...]:
        """Answer, and note all that stands in the folder."""
        self.names(path)
        return self._inner.folders(path)

    def kind(self, path: str) -> Kind | None:
        """Answer, and note what stands there."""
        self._note(path)
        return self._inner.kind(path)

    def exists(self, path: str) -> bool:
        """Answer, and note what stands there."""
        self._note(path, follow=False)
        return self._inner.exists(path)

    def link(self, path: str) -> str | None:
        """Answer, and note the link."""
        self._note(path, follow=False)
        return self._inner.link(path)

    def target(self, path: str) -> str | None:
        """Answer, and note every link on the way."""
        self._note(path)
        return self._inner.target(path)

    def stamp(self, path: str) -> tuple[int, int, int] | None:
        """Answer, and note what stands there."""
        self._note(path)
        return self._inner.stamp(path)

    def space(self, path: str) -> Space | None:
        """Answer, and note the answer."""
        answer = self._inner.space(path)
        if answer is not None:
            self.notes.index.space[path] = answer.size_bytes, answer.available_bytes
        return answer

    def machine(self) -> str | None:
        """Answer; it has been noted."""
        return self._inner.machine()

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        most: int = MAX_READ_BYTES,
        environment: Mapping[str, str] | None = None,
    ) -> Ended | NotEnded:
        """Answer; nothing that a probe of a recorded box could run is noted."""
        return self._inner.run(arguments, timeout_s=timeout_s, most=most, environment=environment)

    def ask_socket(self, path: str, target: str, *, timeout_s: float) -> bytes | Unreadable:
        """Answer, and note the answer."""
        answer = self._inner.ask_socket(path, target, timeout_s=timeout_s)
        told = of_answer(answer) if isinstance(answer, bytes) else answer.reason
        self.notes.index.answers[f"{path} {target}"] = told
        return answer

    def _note(self, path: str, *, follow: bool = True) -> str | None:
        """Note each link and folder on the way, and what stands at its end; return where that is.

        None when there is nothing, or it cannot be looked at.
        """
        place, links = "", 0
        rest = path.rstrip("/").split("/")[::-1]
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                place = place.rpartition("/")[0]
                continue
            place = f"{place}/{name}"
            try:
                mode = os.lstat(self._base + place).st_mode
                if not stat.S_ISLNK(mode) or place in _OWN_FOLDERS or (not rest and not follow):
                    self._note_entry(place, mode)
                    continue
                target = os.readlink(self._base + place)
            except (OSError, ValueError):
                return None
            self.notes.links[place] = target
            links += 1
            if links > MAX_LINKS:
                return None
            place = "" if target.startswith("/") else place.rpartition("/")[0]
            rest.extend(target.split("/")[::-1])
        return place or "/"

    def _note_entry(self, place: str, mode: int) -> None:
        if stat.S_ISDIR(mode) or place in _OWN_FOLDERS:
            self.notes.folders.add(place)
        elif stat.S_ISLNK(mode):
            self.notes.links[place] = os.readlink(self._base + place)
        elif not is_list(place):
            kind = self._inner.kind(place)
            if kind in ("socket", "other"):
                self.notes.index.kinds[place] = kind
            self.notes.files.setdefault(place, None)


class ReplayedHost(Host):
    """A recorded box: its files, and the index beside them."""

    def __init__(self, root: str | os.PathLike[str], index: Index) -> None:
        super().__init__(os.fspath(root), live=False, runtime_socket=index.runtime_socket)
        self.slow = index.slow
        self._index = index

    def afresh(self) -> Host:
        """Return a host that looks at the same recording anew."""
        return ReplayedHost(self.root, self._index)

    def read(self, path: str, most: int = MAX_READ_BYTES) -> bytes | Gone | Unreadable:
        """Return what the file held, or why it could not be read."""
        place = self.target(path)
        if place in self._index.unreadable:
            reason = self._index.unreadable[place]
            return GONE if reason is None else Unreadable(reason)
        if place in self._index.kinds:
            return Unreadable("is not a regular file")
        return super().read(path, most)

    def names(self, path: str) -> tuple[str, ...] | Gone | Unreadable:
        """Return the names in a folder, or why it could not be listed."""
        reason = self._index.unreadable.get(self.target(path) or "")
        return super().names(path) if reason is None else Unreadable(reason)

    def kind(self, path: str) -> Kind | None:
        """Return what stood at the path after all links."""
        kind = super().kind(path)
        return self._index.kinds.get(self.target(path) or "", kind) if kind == "file" else kind

    def space(self, path: str) -> Space | None:
        """Return the size of the file system that was mounted there."""
        found = self._index.space.get(path)
        return None if found is None else Space(*found)

    def machine(self) -> str | None:
        """Return the architecture of the kernel that ran there."""
        return self._index.machine

    def ask_socket(self, path: str, target: str, *, timeout_s: float) -> bytes | Unreadable:  # noqa: ARG002
        """Return what the socket answered then."""
        told = self._index.answers.get(f"{path} {target}", "was not asked")
        return told if isinstance(told, bytes) else Unreadable(told)
