"""What docker is asked so that a container gets devices by their CDI names. Pure.

docker knows CDI from 25.0 on (API 1.44), and up to 28 only where its `features` turn it on; the
`nvidia` driver of its device requests, which is its --gpus, is older: it takes NVIDIA's GPUs by
the same indices and unique numbers.
https://docs.docker.com/reference/cli/dockerd/#enable-cdi-devices
"""

from __future__ import annotations

from typing import Any

from skerry_executor.runtimes.base import Failure, RuntimeFailure

FIRST_API = (1, 44)
NVIDIA = "nvidia.com/gpu"


def requests(names: tuple[str, ...], version: tuple[int, int]) -> list[dict[str, Any]]:
    """Return docker's device requests for CDI names; `version` is that of its API.

    Raises RuntimeFailure where it knows none of such a sort.
    """
    if not names:
        return []
    if version >= FIRST_API:
        return [{"Driver": "cdi", "DeviceIDs": list(names)}]
    others = [name for name in names if name.partition("=")[0] != NVIDIA]
    if others:
        reason = (
            f"this docker (API {version[0]}.{version[1]}) knows no CDI, hence not "
            f"{', '.join(others[:8])}: install docker 25 or later, or podman, or give the device "
            "by its path"
        )
        raise RuntimeFailure(Failure.NO_DEVICE, reason)
    ids = [name.partition("=")[2] for name in names]
    request: dict[str, Any] = {"Driver": "nvidia", "Capabilities": [["gpu"]]}
    return [request | ({"Count": -1} if "all" in ids else {"DeviceIDs": ids})]
