"""Challenges: random bytes that the hub must sign, so that what it signed is taken once, and soon.

They are kept in a folder of their own on tmpfs, since a run of the executor ends when nobody asks:
a later one takes the answer. A lock makes each answer count once, whichever run it reaches; after a
start of the box all are forgotten.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Callable, Iterator

from skerry_executor import whole_file
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.outstanding import Issued, Outstanding, Purpose, of_this_boot, with_issued
from skerry_executor.outstanding import redeemed as without
from skerry_executor.overdue import BOOT_ID
from skerry_executor.state import StateError, prepare
from skerry_wire import codec
from skerry_wire.errors import WireError

FILE = "challenges"
LOCK = "challenges.lock"
CHALLENGE_BYTES = 32
MAX_FILE_BYTES = 64 * 1024


def boot_id(root: pathlib.Path = pathlib.Path("/")) -> str:
    """Return what tells this start of the box from every other. Raises StateError."""
    try:
        text = (root / BOOT_ID).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{root / BOOT_ID} cannot be read: {error}") from None
    if not 1 <= len(text) <= 64:
        raise StateError(f"{root / BOOT_ID} is of {len(text)} characters")
    return text


class Challenges:
    """Those of one folder. Several processes and threads may use it at once."""

    def __init__(
        self,
        folder: pathlib.Path,
        root: pathlib.Path = pathlib.Path("/"),
        clock: Callable[[], float] = since_boot_s,
    ) -> None:
        """`folder` belongs on tmpfs; `clock` counts the seconds since the box's start."""
        self._folder = folder
        self._root = root
        self._clock = clock

    def issue(self, purpose: Purpose) -> Issued:
        """Make a challenge and note it. Raises StateError when it cannot be kept."""
        with self._locked():
            fresh = Issued(
                challenge=os.urandom(CHALLENGE_BYTES), purpose=purpose, at_s=self._clock()
            )
            self._keep(with_issued(self._kept(), fresh))
        return fresh

    def redeem(self, challenge: bytes, purpose: Purpose) -> Issued | None:
        """Return the challenge that is answered, once; None when it is not, or no longer, one.

        Raises StateError, and it is not redeemed, when that cannot be kept: else it would count
        again.
        """
        with self._locked():
            left, found = without(self._kept(), challenge, purpose)
            if found is not None:
                self._keep(left)
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        prepare(self._folder)
        try:
            fd = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            # Held for the time of one small read and write: nobody waits long.
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _kept(self) -> Outstanding:
        kept = None
        try:
            with open(self._folder / FILE, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            kept = codec.decode(Outstanding, data, strict=True, most=MAX_FILE_BYTES)
        except FileNotFoundError:
            pass
        except WireError:
            # Forgetting challenges is always safe: whoever waits for one asks again.
            pass
        except OSError as error:
            raise self._unusable(error) from None
        return of_this_boot(kept, boot_id(self._root), self._clock())

    def _keep(self, outstanding: Outstanding) -> None:
        try:
            whole_file.write(self._folder / FILE, codec.pack(outstanding), durable=False)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> StateError:
        return StateError(f"{self._folder} cannot be used: {error.strerror}")
