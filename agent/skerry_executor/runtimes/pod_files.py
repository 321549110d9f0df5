"""The files of pods: records in a folder of ours, manifests where the kubelet looks for them.

Each is written aside and renamed, on the same file system, so that nobody ever reads half of one; a
kubelet leaves files alone whose names begin with a dot. What a start of the box must end lies on
tmpfs, and a link to it stands in the kubelet's folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
from collections.abc import Iterator

from skerry_executor import whole_file
from skerry_executor.log import log
from skerry_executor.runtimes import pod_records
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.pod_records import Record, RecordError
from skerry_executor.runtimes.pods import Plain
from skerry_executor.whole_file import Sync

MAX_BYTES = 16 * 1024 * 1024
_SUFFIX = ".json"
PREFIX = "skerry-"


class PodFiles:
    """One kubelet's folder of manifests, and our records beside it."""

    def __init__(
        self,
        manifests: pathlib.Path,
        state: pathlib.Path,
        run: pathlib.Path,
        sync: Sync = os.fsync,
    ) -> None:
        """`state` outlives a start of the box, `run` does not."""
        self._sync = sync
        self._manifests = manifests
        self._records = state / "pods"
        self._passing = run / "pods"
        self.run = run
        self.volumes = state / "volumes"

    def records(self) -> tuple[Record, ...]:
        """Return every record; one that cannot be read is left out, and said."""
        try:
            names = sorted(os.listdir(self._records))
        except FileNotFoundError:
            return ()
        found = (self._read(self._records / name) for name in names if name.endswith(_SUFFIX))
        return tuple(record for record in found if record is not None)

    def record(self, name: str) -> Record | None:
        """Return the record of a pod."""
        return self._read(self._records / f"{name}{_SUFFIX}")

    @staticmethod
    def _read(path: pathlib.Path) -> Record | None:
        data = _content(path)
        if data is None:
            return None
        try:
            return pod_records.from_json(data)
        except RecordError as error:
            # What runs of it is still found, by what its pod says of itself.
            log("error", "record of a pod not read", name=path.name, reason=str(error))
            return None

    def keep(self, record: Record) -> None:
        """Write a record."""
        self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(self._records / f"{record.name}{_SUFFIX}", pod_records.to_json(record))

    def forget(self, name: str) -> None:
        """Remove a record; one that is gone is fine."""
        (self._records / f"{name}{_SUFFIX}").unlink(missing_ok=True)

    def published(self, name: str) -> Plain | None:
        """Return the manifest that the kubelet has of a pod; None when it has none."""
        data = _content(self._manifests / f"{name}{_SUFFIX}")
        try:
            plain = None if data is None else json.loads(data)
        except (ValueError, RecursionError):
            return None
        return plain if isinstance(plain, dict) else None

    def orphans(self, known: set[str]) -> tuple[str, ...]:
        """Return the names of pods of ours whose manifests are there and whose records are not."""
        try:
            names = sorted(os.listdir(self._manifests))
        except OSError:
            return ()
        pods = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return tuple(one for one in pods if one.startswith(PREFIX) and one not in known)

    def publish(self, record: Record) -> None:
        """Give the kubelet a pod's manifest."""
        data = json.dumps(pod_records.manifest_of(record), indent=1).encode()
        place = self._manifests / f"{record.name}{_SUFFIX}"
        if not self._manifests.is_dir():
            reason = f"{self._manifests}, the kubelet's folder of manifests, is not there"
            raise RuntimeFailure(Failure.OTHER, reason)
        if not record.ephemeral:
            self._write(place, data)
            return
        self._passing.mkdir(mode=0o700, parents=True, exist_ok=True)
        passing = self._passing / f"{record.name}{_SUFFIX}"
        self._write(passing, data, durable=False)
        with _failing(place):
            aside = self._manifests / f".{record.name}.new"
            aside.unlink(missing_ok=True)
            aside.symlink_to(passing)
            aside.replace(place)

    def withdraw(self, name: str) -> None:
        """Take a pod's manifest from the kubelet, for good: a power cut does not bring it back."""
        place = self._manifests / f"{name}{_SUFFIX}"
        with _failing(place):
            place.unlink(missing_ok=True)
            (self._passing / f"{name}{_SUFFIX}").unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                whole_file.sync_folder(self._manifests, self._sync)

    def _write(self, path: pathlib.Path, data: bytes, *, durable: bool = True) -> None:
        # A name that a kubelet, which reads this folder, passes over.
        aside = path.with_name(f".{path.name}.new")
        with _failing(path):
            whole_file.write(path, data, durable=durable, fresh=aside, sync=self._sync)


def _content(path: pathlib.Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    return data if len(data) <= MAX_BYTES else None


@contextlib.contextmanager
def _failing(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = Failure.DISK_FULL if full else Failure.OTHER
        raise RuntimeFailure(kind, f"{path} cannot be written: {error.strerror}") from None
