"""What a container runtime cannot do of what is asked for: one set of rules for all who judge.

The executor refuses by these rules to make a container; the hub judges by the same where it places
one, by the runtime that the box told. What only the box can see is judged there alone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from skerry_wire.frozen import frozen
from skerry_wire.types import Short
from skerry_wire.workload import Container

PODMAN, DOCKER, KUBELET, CONTAINERD = "podman", "docker", "kubelet", "containerd"

PODMAN_WITH_CDI = (4, 1)
DOCKER_WITH_CDI = (1, 44)
"""The API of docker 25.0: https://docs.docker.com/reference/cli/dockerd/#enable-cdi-devices"""
NVIDIA = "nvidia.com/gpu"
"""GPUs that docker's own `nvidia` driver gives, which is older than its CDI."""

_OLDEST: Mapping[str, tuple[tuple[int, ...], str]] = {
    PODMAN: ((4, 0), "install podman 4.0 or later"),
    DOCKER: ((1, 41), "install docker 20.10 or later"),
    CONTAINERD: ((1, 6), "its CRI has no version 1; install containerd 1.6 or later"),
}
"""The first version of each in which all that is asked of it is there, and what to do."""

_NUMBERS = re.compile(r"v?([0-9]{1,6}(?:\.[0-9]{1,6})*)")
_MOST_NAMED = 8


@frozen(kw_only=True)
class RuntimeInUse:
    """The runtime that a box's executor drives: podman, docker, kubelet or containerd.

    `version` is podman's and containerd's own, of docker that of its API, as far as both know it;
    None where it does not matter or is not told. Of an unknown runtime no limit is known.
    """

    name: Short
    version: Short | None = None

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """Return the version as numbers, None where it is not known."""
        found = _NUMBERS.match(self.version or "")
        return None if found is None else tuple(map(int, found[1].split(".")))


def reasons(
    container: Container, runtime: RuntimeInUse, *, shared_network: bool = False
) -> Iterator[str]:
    """Say what a runtime cannot do of one container, looked at by itself.

    `shared_network`: whether the containers of its instance share one.
    """
    age = too_old(runtime)
    if age is not None:
        yield age
        return
    rule = _OF_ONE.get(runtime.name)
    if rule is not None:
        yield from rule(container, runtime, shared_network)


def total_reasons(
    containers: Sequence[Container], runtime: RuntimeInUse, *, shared_network: bool = False
) -> Iterator[str]:
    """Say what a runtime cannot do of an instance: of its containers together, and of each."""
    age = too_old(runtime)
    if age is not None:
        yield age
        return
    if runtime.name == KUBELET:
        yield from _pod(containers)
    for one in containers:
        for reason in reasons(one, runtime, shared_network=shared_network):
            yield f"{one.name}: {reason}"


def too_old(runtime: RuntimeInUse) -> str | None:
    """Say why nothing is started on a runtime of this age; None where it is new enough."""
    oldest = _OLDEST.get(runtime.name)
    if oldest is None or _reaches(runtime, oldest[0]):
        return None
    return f"this {_told(runtime)} is too old: {oldest[1]}"


def _told(runtime: RuntimeInUse) -> str:
    number = f"API {runtime.version}" if runtime.name == DOCKER else runtime.version
    return f"{runtime.name} ({number})"


def gives_cdi(runtime: RuntimeInUse, name: str) -> bool:
    """Say whether a runtime gives containers the device of this CDI name, if its box has it."""
    match runtime.name:
        case "kubelet" | "containerd":
            return False
        case "podman":
            return _reaches(runtime, PODMAN_WITH_CDI)
        case "docker":
            return _reaches(runtime, DOCKER_WITH_CDI) or name.partition("=")[0] == NVIDIA
    return True


def gives_bus_devices(runtime: RuntimeInUse) -> bool:
    """Say whether a runtime gives containers devices by where they stand.

    Their numbers may be others at each start, so that the executor has to look before it.
    """
    return runtime.name != KUBELET


def _reaches(runtime: RuntimeInUse, first: tuple[int, ...]) -> bool:
    """Say whether a runtime is as new as this; one whose version is not known is taken for so."""
    numbers = runtime.numbers
    return numbers is None or numbers >= first


# --- podman and docker --------------------------------------------------------------------


def _old(container: Container, runtime: RuntimeInUse, _shared: bool) -> Iterator[str]:
    others = [name for name in container.cdi_devices if not gives_cdi(runtime, name)]
    if not others:
        return
    named = ", ".join(others[:_MOST_NAMED])
    advice = "install docker 25 or later, or podman"
    if runtime.name == PODMAN:
        advice = "install podman 4.1 or later"
    what = f"this {_told(runtime)} knows no CDI, hence not {named}"
    yield f"{what}: {advice}, or give the device by its path"


# --- a kubelet ----------------------------------------------------------------------------


def _pod(containers: Sequence[Container]) -> Iterator[str]:
    waits = init_conditions(containers)
    main = [one for one in containers if one.name not in waits]
    if not main:
        yield "after: every container is waited for by another one"
    shared: tuple[tuple[str, Callable[[Container], object], Sequence[Container]], ...] = (
        ("restart", lambda one: one.restart, main),
        ("network_mode", lambda one: one.network, containers),
        ("pid", lambda one: one.pid, containers),
        ("ipc", lambda one: one.ipc, containers),
    )
    for key, value_of, those in shared:
        if len({value_of(one) for one in those}) > 1:
            yield f"{key}: all containers of a pod have the same, and these differ"
    if any(one.network == "none" for one in containers):
        yield "network_mode: none: a pod always has a network; take bridge or host"


def _in_a_pod(container: Container, _runtime: RuntimeInUse, _shared: bool) -> Iterator[str]:
    if container.restart == "on-failure" and container.restart_retries:
        yield "restart: a kubelet does not count retries; take on-failure without a number"
    if container.stop_signal is not None:
        yield "stop_signal: a kubelet sends the one of the image, and no other"
    if container.pids_limit is not None:
        yield "pids_limit: a kubelet has one for all pods, its own setting podPidsLimit"
    if container.init:
        yield "init: a kubelet has no init process for a container"
    if container.cdi_devices:
        yield "devices: a static pod gets no device by its CDI name; use podman or docker"
    if container.bus_devices:
        yield "devices: a kubelet starts a pod again without a look which device has which number"
    elif container.devices and not container.privileged:
        yield "devices: a static pod gets a device node only with privileged: true"
    if container.user is not None and not all(p.isdecimal() for p in container.user.split(":")):
        yield f"user: {container.user!r}: a kubelet takes numbers only, such as 1000:1000"


def init_conditions(containers: Sequence[Container]) -> dict[str, str]:
    """Return those that others wait for longer than for their start, by name, and what for.

    They are a pod's init containers.
    """
    names = {one.name: one for one in containers}
    found: dict[str, str] = {}
    for one in containers:
        for wait in one.after:
            if wait.condition == "started" or wait.container not in names:
                continue
            if found.get(wait.container) != "completed":
                found[wait.container] = wait.condition
    # What these wait for comes before them, even where its start is enough.
    while more := [
        wait.container
        for name in found
        for wait in names[name].after
        if wait.container in names and wait.container not in found
    ]:
        found.update(dict.fromkeys(more, "started"))
    return found


# --- containerd alone ---------------------------------------------------------------------


def _alone(container: Container, _runtime: RuntimeInUse, shared: bool) -> Iterator[str]:
    if container.network == "bridge":
        yield "containerd runs here with network_mode: host only"
    if container.ports:
        yield "ports: with network_mode: host there are none to map"
    if shared and container.network == "none":
        yield "network_mode: none: containers without a network cannot share one"
    if container.init:
        yield "init: containerd has no init process for a container"
    if container.cdi_devices:
        yield "devices: containerd gives no device by its CDI name here; use podman or docker"


_OF_ONE: Mapping[str, Callable[[Container, RuntimeInUse, bool], Iterator[str]]] = {
    PODMAN: _old,
    DOCKER: _old,
    KUBELET: _in_a_pod,
    CONTAINERD: _alone,
}
"""What each cannot do of one container."""
