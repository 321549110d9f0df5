"""The only door through which probes reach files, sockets and processes.

A `Host` has a root: `/` on a running box, any folder for a recorded one. Nothing that a probe asks
for lies outside it: symbolic links, absolute ones too, are followed inside the root. Reading never
raises; what is not there and what cannot be read are different answers. May NOT interpret content.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from skerry_wire.frozen import frozen

MAX_READ_BYTES = 1024 * 1024
"""Most bytes of one file, unless the caller says otherwise."""

MAX_ENTRIES = 16_384
"""Most names of one folder."""

MAX_LINKS = 40
"""Most symbolic links on the way to one file, as in the kernel."""

Kind = Literal["file", "folder", "link", "socket", "other"]


@frozen()
class Gone:
    """There is no such file."""


@frozen()
class Unreadable:
    """There is something, but it cannot be read. `reason` is stable and holds no content."""

    reason: str


@frozen()
class Ended:
    """A child process has ended by itself. `output` is its standard output."""

    status: int
    output: bytes


@frozen()
class NotEnded:
    """A child process could not be started, or was killed for the reason given."""

    reason: str


@frozen()
class Space:
    """Bytes of a mounted file system."""

    size_bytes: int
    available_bytes: int


class _Outside(Exception):  # noqa: N818 - an answer on its way, not an error
    def __init__(self, answer: Gone | Unreadable) -> None:
        self.answer = answer


GONE = Gone()
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO})


def _answer_to(error: OSError) -> Gone | Unreadable:
    if error.errno in _ABSENT:
        return GONE
    return Unreadable(os.strerror(error.errno).lower() if error.errno else "cannot be read")


class Host:
    """One box, running or recorded. Paths are absolute, as on that box.

    `live` allows what has an effect or needs a kernel (processes, sockets, free space); it is
    true for the root `/` alone, unless given. `runtime_socket` is where the box's administrator
    put the container runtime's socket, None for the usual places.
    """

    def __init__(
        self, root: Path | str, *, live: bool | None = None, runtime_socket: str | None = None
    ) -> None:
        self.runtime_socket = runtime_socket
        self.root = Path(os.path.realpath(root))
        self.is_live = str(self.root) == "/" if live is None else live
        self._base = "" if str(self.root) == "/" else str(self.root)
        self._folders: dict[str, str] = {}
        self._memory: dict[Hashable, object] = {}

    def afresh(self) -> Host:
        """Return a host that looks at the same root anew, knowing still what was remembered."""
        other = Host(self.root, live=self.is_live, runtime_socket=self.runtime_socket)
        other._memory = self._memory
        return other

    # --- files -----------------------------------------------------------------------------

    def read(self, path: str, most: int = MAX_READ_BYTES) -> bytes | Gone | Unreadable:
        """Return what the regular file holds; it is Unreadable when larger than `most` bytes."""
        try:
            return self._read(self._resolve(path), most)
        except OSError as error:
            return _answer_to(error)
        except ValueError:
            return GONE
        except _Outside as outside:
            return outside.answer

    def text(self, path: str, most: int = MAX_READ_BYTES) -> str | None:
        """Return the file's text without white space around it; None when there is none to read."""
        found = self.read(path, most)
        return found.decode("utf-8", "replace").strip("\0 \t\r\n") if type(found) is bytes else None

    def head(self, path: str, most: int) -> str | None:
        """Return the first `most` bytes of a file as text; None when there is none to read."""
        try:
            found = self._read(self._resolve(path), most, whole=False)
        except (OSError, ValueError, _Outside):
            return None
        return found.decode("utf-8", "replace") if type(found) is bytes else None

    @contextlib.contextmanager
    def pieces(self, path: str) -> Iterator[Callable[[int, int], bytes] | None]:
        """Yield what reads (offset, size) of a regular file, None when there is none to read.

        For files that are too large to be read whole; past the end it answers with less.
        """
        handle = self._open(path)
        if handle is None:
            yield None
            return

        def piece(offset: int, size: int) -> bytes:
            try:
                return os.pread(handle, min(size, MAX_READ_BYTES), offset)
            except (OSError, ValueError, OverflowError):
                return b""

        try:
            yield piece
        finally:
            os.close(handle)

    def _open(self, path: str) -> int | None:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            real = self._resolve(path)
            if not stat.S_ISREG(os.stat(real, follow_symlinks=not self._base).st_mode):
                return None
            return os.open(real, flags | (os.O_NOFOLLOW if self._base else 0))
        except (OSError, ValueError, _Outside):
            return None

    def names(self, path: str) -> tuple[str, ...] | Gone | Unreadable:
        """Return the sorted names in a folder; those that are not printable text are left out."""
        try:
            return self._names(self._resolve(path), folders_only=False)
        except OSError as error:
            return _answer_to(error)
        except ValueError:
            return GONE
        except _Outside as outside:
            return outside.answer

    def entries(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder, none when it cannot be listed."""
        found = self.names(path)
        return found if isinstance(found, tuple) else ()

    def folders(self, path: str) -> tuple[str, ...]:
        """Return the sorted names of the real folders (not links to one) in a folder."""
        try:
            return self._names(self._resolve(path), folders_only=True)
        except (OSError, ValueError, _Outside):
            return ()

    def kind(self, path: str) -> Kind | None:
        """Return what stands at the path after all links, None when nothing does."""
        mode = self._mode(path, follow=True)
        return None if mode is None else _kind_of(mode)

    def exists(self, path: str) -> bool:
        """Say whether something stands at the path, be it a link to nothing."""
        return self._mode(path, follow=False) is not None

    def link(self, path: str) -> str | None:
        """Return the last name of a symbolic link's target, which names a driver or a parent."""
        try:
            target = os.readlink(self._resolve(path, follow=False))
        except (OSError, ValueError, _Outside):
            return None
        name = os.path.basename(target)
        return name if name.isprintable() and name else None

    def target(self, path: str) -> str | None:
        """Return the path after all links, as seen from the root; None when there is none."""
        try:
            real = os.path.realpath(path) if not self._base else self._resolve(path)
            os.lstat(real)
        except (OSError, ValueError, _Outside):
            return None
        shown = real[len(self._base) :] or "/"
        return shown if shown.isprintable() else None

    def space(self, path: str) -> Space | None:
        """Return size and free space of the file system that is mounted there; live hosts only."""
        if not self.is_live:
            return None
        try:
            found = os.statvfs(self._resolve(path))
        except (OSError, ValueError, _Outside):
            return None
        return Space(found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail)

    def stamp(self, path: str) -> tuple[int, int, int] | None:
        """Return what changes when a file is replaced: inode, size, time of change (ns)."""
        try:
            found = os.stat(self._resolve(path))
        except (OSError, ValueError, _Outside):
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _mode(self, path: str, *, follow: bool) -> int | None:
        try:
            real = self._resolve(path, follow=follow)
            return (os.stat(real) if follow and not self._base else os.lstat(real)).st_mode
        except (OSError, ValueError, _Outside):
            return None

    def _read(self, real: str, most: int, *, whole: bool = True) -> bytes | Gone | Unreadable:
        # Opening a device node may act on it (a watchdog starts), so what is not known to be
        # the kernel's own text is looked at first.
        if (self._base or not real.startswith(("/proc/", "/sys/"))) and not stat.S_ISREG(
            os.stat(real, follow_symlinks=not self._base).st_mode
        ):
            return Unreadable("is not a regular file")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        handle = os.open(real, flags | (os.O_NOFOLLOW if self._base else 0))
        try:
            data = os.read(handle, min(most + 1, 65_536))
            parts, size = [data], len(data)
            # Only /proc answers with less than it has; elsewhere a short answer is the last.
            if size < 4096 and not real.startswith("/proc/"):
                data = b""
            while data and size <= most:
                data = os.read(handle, min(most + 1 - size, 262_144))
                parts.append(data)
                size += len(data)
        finally:
            os.close(handle)
        if size > most and whole:
            return Unreadable(f"is larger than {most} bytes")
        return b"".join(parts)[:most]

    def _names(self, real: str, *, folders_only: bool) -> tuple[str, ...]:
        found = []
        with os.scandir(real) as scan:
            for entry in scan:
                if folders_only and not entry.is_dir(follow_symlinks=False):
                    continue
                if entry.name.isprintable():
                    found.append(entry.name)
                if len(found) > MAX_ENTRIES:
                    raise _Outside(Unreadable(f"has more than {MAX_ENTRIES} entries"))
        return tuple(sorted(found))

    # --- staying inside the root -------------------------------------------------------------

    def _resolve(self, path: str, *, follow: bool = True) -> str:
        if not self._base:
            return path
        folder, _, name = path.rstrip("/").rpartition("/")
        place = self._folders.get(folder)
        if place is None:
            place = self._folders[folder] = self._walk(self._base, folder)
        return self._walk(place, name) if follow else f"{place}/{name}"

    def _walk(self, place: str, path: str) -> str:
        """Return the real place of a path that starts in a real folder."""
        rest = path.split("/")[::-1]
        links = 0
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            if name == "..":
                place = place if place == self._base else place.rpartition("/")[0]
                continue
            there = f"{place}/{name}"
            try:
                target = os.readlink(there)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOENT):
                    raise
                place = there
                continue
            links += 1
            if links > MAX_LINKS:
                raise _Outside(Unreadable("too many levels of symbolic links"))
            place = self._base if target.startswith("/") else place
            rest.extend(target.split("/")[::-1])
        return place

    # --- what only a running box has -----------------------------------------------------------

    def machine(self) -> str | None:
        """Return the running kernel's architecture, None of a recorded box."""
        return os.uname().machine if self.is_live else None

    def remembered(self, key: Hashable) -> object | None:
        """Return what was remembered under a key that names all that it depends on."""
        return self._memory.get(key)

    def remember(self, key: Hashable, value: object) -> None:
        """Keep what cost more than a look; at most 64 things, the newest."""
        if len(self._memory) >= 64:
            self._memory.clear()
        self._memory[key] = value

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        most: int = MAX_READ_BYTES,
        environment: Mapping[str, str] | None = None,
    ) -> Ended | NotEnded:
        """Run a program, without a shell, and return how it ended.

        It is killed with all that it started when it runs longer than `timeout_s` or writes more
        than `most` bytes. Its error output is thrown away.
        """
        if not self.is_live:
            return NotEnded("processes run only on the live host")
        from skerry_agent.host_live import run_child  # noqa: PLC0415 - few agents ever need it

        return run_child(arguments, timeout_s=timeout_s, most=most, environment=environment)

    def ask_socket(self, path: str, target: str, *, timeout_s: float) -> bytes | Unreadable:
        """Return the body of `GET target` over HTTP on a unix socket, at most 64 KiB."""
        if not self.is_live:
            return Unreadable("sockets answer only on the live host")
        from skerry_agent.host_live import http_get  # noqa: PLC0415

        try:
            place = self._resolve(path)
        except (OSError, ValueError, _Outside):
            return Unreadable("is not there")
        return http_get(place, target, timeout_s=timeout_s)


def _kind_of(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "socket" if stat.S_ISSOCK(mode) else "other"
