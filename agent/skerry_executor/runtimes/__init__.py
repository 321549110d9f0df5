"""The container runtimes that the executor knows, in the order in which it looks for them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

from skerry_executor.runtimes.base import Runtime, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A runtime by name, the sockets where it usually listens, and how it is opened."""

    name: str
    sockets: tuple[str, ...]
    open: Callable[[str], Runtime]


def _containers(socket_path: str) -> Runtime:
    # Imported late: http.client takes longer to import than all the rest.
    from skerry_executor.runtimes import containers  # noqa: PLC0415

    return containers.connect(socket_path)


RUNTIMES = (
    Known("podman", ("/run/podman/podman.sock",), _containers),
    Known("docker", ("/run/docker.sock", "/var/run/docker.sock"), _containers),
)


def choose(socket: str | None, exists: Callable[[str], bool] = os.path.exists) -> Runtime:
    """Return the runtime behind `socket` (a path or unix:// URL), or the first that is there.

    Without any, returns one that answers every call in words. Never raises.
    """
    if socket is not None:
        path = socket.removeprefix("unix://")
        return _opened(RUNTIMES[0].open, path)
    for known in RUNTIMES:
        for path in known.sockets:
            if exists(path):
                return _opened(known.open, path)
    looked = ", ".join(path for known in RUNTIMES for path in known.sockets)
    return NoRuntime(
        f"no container runtime on this box: none of {looked} is there; "
        "install podman and start podman.socket, or name one with --runtime-socket"
    )


def _opened(opening: Callable[[str], Runtime], path: str) -> Runtime:
    try:
        return opening(path)
    except RuntimeFailure as failure:
        return NoRuntime(failure.reason, failure.kind)
