"""The files of a broker with certificates, in a folder that its supervisor reads.

Written whole, and only where they are not as they were written last. Nothing is ever read back: a
broker that was broken into may put there what it likes, and reaches nothing else thereby.
"""

from __future__ import annotations

import dataclasses
import pathlib

from skerry_hub import mosquitto_conf
from skerry_hub.whole_file import write_whole

FOLDER_MODE = 0o750
FILE_MODE = 0o640
"""For a supervisor of the same group: in containers, users may be drawn."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the files hold."""

    conf: str
    acl: str
    crl: bytes
    ca: bytes
    certificate: bytes = dataclasses.field(repr=False)
    """The broker's key and certificate."""

    def by_name(self) -> dict[str, bytes]:
        """Return them by the files' names, what others need first."""
        return {
            mosquitto_conf.CA: self.ca,
            mosquitto_conf.CRL: self.crl,
            mosquitto_conf.ACL: self.acl.encode(),
            mosquitto_conf.CERTIFICATE: self.certificate,
            mosquitto_conf.CONF: self.conf.encode(),
        }


class BrokerFiles:
    """Those of one folder. One thread."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._written: dict[str, tuple[bytes, _Identity | None]] = {}

    def write(self, contents: Contents) -> frozenset[str]:
        """Write what is not there yet, and return the names of what was written. Raises OSError."""
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True)
            self._folder.chmod(FOLDER_MODE)
        changed = set()
        for name, data in contents.by_name().items():
            path = self._folder / name
            if self._written.get(name) != (data, _identity(path)):
                write_whole(path, data, FILE_MODE)
                self._written[name] = data, _identity(path)
                changed.add(name)
        return frozenset(changed)


_Identity = tuple[int, int, int]


def _identity(path: pathlib.Path) -> _Identity | None:
    """Return what tells this file from another at its place."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
