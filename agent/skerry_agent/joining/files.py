"""Files of the state folder and of /etc/skerry: each is written as a whole, and synced.

The state folder is the agent's own user's, while who joins is root. So nothing in it is trusted: no
link in it is followed, and what is written belongs to whom the folder belongs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pathlib
import pwd
import stat
import time
from collections.abc import Iterator

from skerry_agent.joining.failure import JoinError

AGENT_USER = "skerry-agent"
LOCK_S = 30.0
ROOM_BYTES = 32 * 1024
"""What all files of a join take at most, in whole blocks."""
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folder:
    """An open folder."""

    def __init__(self, fd: int, path: pathlib.Path) -> None:
        """`path` is only said in errors."""
        self.fd = fd
        self.path = path

    def read(self, name: str, most: int) -> bytes | None:
        """Return a file's content, None where there is none. Raises JoinError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with open(os.open(name, flags, dir_fd=self.fd), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError(errno.EINVAL, "it is not a regular file")
                data = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failed(self.path / name, "read", error) from None
        if len(data) > most:
            raise JoinError(f"{self.path / name} is larger than {most} bytes")
        return data

    def write(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Replace a file by this, durably: it is the old one or the new. Raises JoinError."""
        beside = f".{name}.new"
        try:
            self._remove(beside)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(beside, flags, 0o600, dir_fd=self.fd)
            try:
                with open(handle, "wb") as file:
                    give(handle, self.fd)
                    os.fchmod(handle, mode)
                    file.write(data)
                    file.flush()
                    os.fsync(handle)
                os.replace(beside, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
            except OSError:
                self._remove(beside)
                raise
            os.fsync(self.fd)
        except OSError as error:
            raise failed(self.path / name, "written", error) from None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there, durably. Raises JoinError."""
        try:
            if self._remove(name):
                os.fsync(self.fd)
        except OSError as error:
            raise failed(self.path / name, "removed", error) from None

    def _remove(self, name: str) -> bool:
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        return True

    def try_out(self) -> None:
        """Raise JoinError where nothing can be written here: better before than after."""
        self.write(".try", b"x" * ROOM_BYTES)
        self.remove(".try")


@contextlib.contextmanager
def state(path: pathlib.Path) -> Iterator[Folder]:
    """Open the state folder, made where it is not there, for the agent's user. Raises JoinError."""
    try:
        if not path.exists():
            path.mkdir(mode=0o700, parents=True)
            _give_to_agent(path)
            _sync(path.parent)
        fd = os.open(path, _FOLDER_FLAGS)
    except OSError as error:
        raise failed(path, "used", error) from None
    try:
        yield Folder(fd, path)
    finally:
        os.close(fd)


@contextlib.contextmanager
def within(above: Folder, name: str) -> Iterator[Folder]:
    """Open a folder of the state folder, for one process at a time. Raises JoinError."""
    path = above.path / name
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above.fd)
            os.fsync(above.fd)
        fd = os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=above.fd)
    except OSError as error:
        raise failed(path, "used", error) from None
    try:
        give(fd, above.fd)
        _lock(fd, path)
        yield Folder(fd, path)
    except OSError as error:
        raise failed(path, "used", error) from None
    finally:
        os.close(fd)


@contextlib.contextmanager
def public(path: pathlib.Path) -> Iterator[Folder]:
    """Open a folder that everybody may read, made where it is not there. Raises JoinError."""
    try:
        if not path.exists():
            path.mkdir(mode=0o755, parents=True)
            _sync(path.parent)
        fd = os.open(path, _FOLDER_FLAGS)
    except OSError as error:
        raise failed(path, "used", error) from None
    try:
        yield Folder(fd, path)
    finally:
        os.close(fd)


def give(handle: int, folder: int) -> None:
    """Give an open file to whom the folder belongs."""
    owner, mine = os.fstat(folder), os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (owner.st_uid, owner.st_gid) and os.geteuid() == 0:
        os.fchown(handle, owner.st_uid, owner.st_gid)


def is_held(folder: Folder, name: str) -> bool:
    """Say whether another process has locked a file, as a running agent has its state folder's."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=folder.fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failed(folder.path / name, "looked at", error) from None
    try:
        os.lockf(handle, os.F_TEST, 0)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def failed(path: pathlib.Path, done: str, error: OSError) -> JoinError:
    """Return what could not be done to a file, and what helps."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.EACCES, errno.EPERM):
        reason += "; run this as root (sudo)"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason += "; make room on this disk, then run the same command again"
    elif error.errno == errno.EROFS:
        reason += "; mount it writable, then run the same command again"
    return JoinError(f"{path} cannot be {done}: {reason}")


def _give_to_agent(path: pathlib.Path) -> None:
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError):  # no such user: an agent that root runs
        user = pwd.getpwnam(AGENT_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _lock(fd: int, path: pathlib.Path) -> None:
    until = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise JoinError(
                    f"another command has been changing {path} for {LOCK_S:g} s", is_temporary=True
                ) from None
            time.sleep(0.1)
        else:
            return


def _sync(folder: pathlib.Path) -> None:
    handle = os.open(folder, _FOLDER_FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
