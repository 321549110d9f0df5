"""What the agent keeps of having joined a hub: the folder `joined` in its state folder. Reads only.

    box.pem         the box's key and its certificate, in one file: one rename changes both
    ca.pem          the hub's authority
    broker-ca.pem   who vouches for the broker
    hub.json        all else, written last: where it is, the box has joined

`skerry-agent join` and `renew` write them (`joining`), each file as a whole.
"""

from __future__ import annotations

import json
import os
import pathlib
import stat
from typing import Annotated

from skerry_wire import codec
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import Moment, NodeId

FOLDER = "joined"
FILE = "hub.json"
BOX = "box.pem"
CA = "ca.pem"
BROKER_CA = "broker-ca.pem"
MOST_BYTES = 64 * 1024

_Url = Annotated[str, Text(512, r"[\x21-\x7e]+")]
_Lasting = Annotated[float, Range(1, 2**32)]


class JoinedError(Exception):
    """What was kept of a join cannot be read; the text says why and what to do."""


@frozen(kw_only=True)
class Joined:
    """Which hub this box has joined, and until when its certificate holds.

    `issued_at` is by the box's own clock, which may have been wrong. `machine` are digests of what
    told this machine from others at the join.
    """

    node: NodeId
    hubs: Annotated[tuple[_Url, ...], Items(8)]
    broker: _Url
    pin: Annotated[str, Text(71, "sha256:[0-9a-f]{64}")]
    issued_at: Moment
    lifetime_s: _Lasting
    renew_after_s: _Lasting
    machine: Annotated[tuple[Annotated[str, Text(32, "[0-9a-f]{16}")], ...], Items(64)] = ()

    @property
    def hub(self) -> str:
        """Return the hub's first address."""
        return self.hubs[0] if self.hubs else "a hub without an address"


def read(state: pathlib.Path) -> Joined | None:
    """Return what the state folder keeps of a join, None where there was none.

    Raises JoinedError.
    """
    path = state / FOLDER / FILE
    try:
        data = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise JoinedError(f"{path} may not be read by this user; ask as root (sudo)") from None
    except OSError as error:
        raise JoinedError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        if len(data) > MOST_BYTES:
            raise WireError("", f"is more than {MOST_BYTES} bytes")
        return codec.from_plain(Joined, json.loads(data))
    except (WireError, ValueError, RecursionError) as error:
        reason = str(error)[:200]
        raise JoinedError(f"{path} is damaged ({reason}): run `skerry-agent join` again") from None


def _content(path: pathlib.Path) -> bytes:
    # Who reads may be root, while the folder is the agent's: no link in it is followed.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is not a regular file")
        return file.read(MOST_BYTES + 1)


def to_bytes(joined: Joined) -> bytes:
    """Return the content of the file that says so."""
    return json.dumps(codec.to_plain(joined), indent=1).encode() + b"\n"
