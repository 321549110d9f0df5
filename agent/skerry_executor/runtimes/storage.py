"""Reads where podman or docker says that it keeps images, containers and volumes. Pure."""

from __future__ import annotations

import pathlib
from typing import Any

from skerry_executor.runtimes.base import Failure, RuntimeFailure, Storage


def parse(plain: dict[str, Any]) -> Storage:
    """Return what an answer to `info` tells. Raises RuntimeFailure where it names no folder.

    podman: `store.graphRoot` and `store.volumePath`, its settings; docker: `DockerRootDir`, below
    which its volumes always are.
    """
    store = plain.get("store")
    if isinstance(store, dict):
        containers = _folder(store.get("graphRoot"))
        return Storage(containers=containers, volumes=_folder(store.get("volumePath")))
    containers = _folder(plain.get("DockerRootDir"))
    return Storage(containers=containers, volumes=containers / "volumes")


def _folder(told: object) -> pathlib.Path:
    if not isinstance(told, str) or not told.startswith("/") or "\0" in told:
        reason = "the runtime does not say in which folder it keeps its containers"
        raise RuntimeFailure(Failure.OTHER, reason)
    return pathlib.Path(told)
