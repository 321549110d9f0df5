"""What docker is asked so that a container gets devices by their CDI names. Pure.

docker knows CDI from 25.0 on (API 1.44), and before 28.2 only where its `features` turn it on: it
then tells where it looks for specifications. The `nvidia` driver of its device requests, which is
its --gpus, is older: it takes NVIDIA's GPUs by the same indices and unique numbers.
https://docs.docker.com/reference/cli/dockerd/#enable-cdi-devices
"""

from __future__ import annotations

from typing import Any

from skerry_wire.runtime_limits import NVIDIA


def is_on(info: dict[str, Any]) -> bool:
    """Say whether a docker gives devices by CDI, from its answer to `info`."""
    return bool(info.get("CDISpecDirs"))


def others(names: tuple[str, ...]) -> list[str]:
    """Return the names that docker's own driver for GPUs cannot stand in for."""
    return [name for name in names if name.partition("=")[0] != NVIDIA]


def requests(names: tuple[str, ...], *, by_cdi: bool) -> list[dict[str, Any]]:
    """Return docker's device requests for CDI names; without CDI, for those of NVIDIA's GPUs."""
    if not names:
        return []
    if by_cdi:
        return [{"Driver": "cdi", "DeviceIDs": list(names)}]
    ids = [name.partition("=")[2] for name in names]
    request: dict[str, Any] = {"Driver": "nvidia", "Capabilities": [["gpu"]]}
    return [request | ({"Count": -1} if "all" in ids else {"DeviceIDs": ids})]
