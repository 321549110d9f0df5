"""What docker is asked so that a container gets devices by their CDI names. Pure.

docker knows CDI from 25.0 on (API 1.44), and up to 28 only where its `features` turn it on; the
`nvidia` driver of its device requests, which is its --gpus, is older: it takes NVIDIA's GPUs by
the same indices and unique numbers.
https://docs.docker.com/reference/cli/dockerd/#enable-cdi-devices
"""

from __future__ import annotations

from typing import Any

from skerry_wire.runtime_limits import DOCKER_WITH_CDI


def requests(names: tuple[str, ...], version: tuple[int, int]) -> list[dict[str, Any]]:
    """Return docker's device requests for CDI names, none of which it refuses.

    `version` is that of its API.
    """
    if not names:
        return []
    if version >= DOCKER_WITH_CDI:
        return [{"Driver": "cdi", "DeviceIDs": list(names)}]
    ids = [name.partition("=")[2] for name in names]
    request: dict[str, Any] = {"Driver": "nvidia", "Capabilities": [["gpu"]]}
    return [request | ({"Count": -1} if "all" in ids else {"DeviceIDs": ids})]
