"""Remembers which pulls are under way, so that one that a power cut ended is known after the boot.

podman and docker note a layer as complete before its files are on the disk, and take what they have
noted for good ever after: files that are empty, an image that cannot run. Only to remove the image
and to pull it again helps. What shares a layer with such an image and is pulled before it is not
known here.
"""

from __future__ import annotations

import pathlib
import threading
from typing import Annotated

from skerry_executor.challenges import boot_id
from skerry_executor.log import log
from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.whole_file import DamagedError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Text
from skerry_wire.types import Short

FILE = "pulls.state"
MOST = 256
"""Of more at once the oldest is forgotten."""
MAX_FILE_BYTES = 512 * 1024
_MAGIC = b"skerry-executor pulls 1\n"


@frozen(kw_only=True)
class Begun:
    """A pull that was begun: in which start of the box, and what had the image's name before."""

    image: Annotated[str, Text(768)]
    boot_id: Annotated[str, Text(64)]
    id_before: Short | None = None


@frozen(kw_only=True)
class Pulls:
    """Those that have not ended, oldest first."""

    begun: Annotated[tuple[Begun, ...], Items(MOST)] = ()


class InterruptedPulls:
    """Those of one box. `state` is the executor's folder. Raises nothing."""

    def __init__(self, state: pathlib.Path, root: pathlib.Path = pathlib.Path("/")) -> None:
        self._path = state / FILE
        self._root = root
        self._lock = threading.Lock()
        self._pulls: dict[str, Begun] | None = None

    def begin(self, image: str, id_before: str | None) -> bool:
        """Note on the disk that an image is pulled now; say whether a boot interrupted the last."""
        with self._lock:
            pulls = self._loaded()
            boot = self._boot()
            if image in pulls and pulls[image].boot_id != boot:
                return True
            pulls[image] = Begun(image=image, boot_id=boot, id_before=id_before)
            self._save(pulls)
            return False

    def end(self, image: str) -> None:
        """Forget a pull: what it left is on the disk, whole."""
        with self._lock:
            pulls = self._loaded()
            if pulls.pop(image, None) is not None:
                self._save(pulls)

    def before(self, image: str) -> Begun | None:
        """Return the pull of an image that a boot interrupted; None where none was."""
        with self._lock:
            found = self._loaded().get(image)
            return None if found is None or found.boot_id == self._boot() else found

    def _boot(self) -> str:
        try:
            return boot_id(self._root)
        except StateError:
            return "unknown"

    def _loaded(self) -> dict[str, Begun]:
        if self._pulls is None:
            self._pulls = {one.image: one for one in self._load().begun}
        return self._pulls

    def _load(self) -> Pulls:
        try:
            found = read_record(Pulls, self._path, _MAGIC, MAX_FILE_BYTES, strict=False)
        except (StateError, DamagedError) as error:
            log("warning", "pulls are forgotten", path=str(self._path), reason=str(error))
            found = None
        return found or Pulls()

    def _save(self, pulls: dict[str, Begun]) -> None:
        while len(pulls) > MOST:
            del pulls[next(iter(pulls))]
        try:
            write_record(self._path, _MAGIC, Pulls(begun=tuple(pulls.values())))
        except StateError as error:
            log("warning", "pulls cannot be kept", path=str(self._path), reason=str(error))
