"""The container runtimes that the executor knows, in the order in which it looks for them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

from skerry_executor import files
from skerry_executor.runtimes.base import Failure, Runtime, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.settings import Settings
from skerry_wire.frozen import frozen

AUTO = "auto"
SELINUX = "sys/fs/selinux/enforce"


@frozen(kw_only=True)
class Wish:
    """Which runtime is to be used, and what it needs. What is None is looked for.

    `state` outlives a start of the box, `run` does not. `selinux`: whether the box has SELinux.
    """

    name: str = AUTO
    socket: str | None = None
    manifests: pathlib.Path | None = None
    state: pathlib.Path = pathlib.Path("/var/lib/skerry-executor")
    run: pathlib.Path = pathlib.Path("/run/skerry-executor")
    selinux: bool = False


def wish_of(settings: Settings) -> Wish:
    """Return what the settings say of the runtime."""
    return Wish(
        name=settings.runtime,
        socket=settings.runtime_socket,
        manifests=settings.pod_manifests,
        state=settings.state,
        run=settings.run,
        # Where it only warns, too: it may be enforced tomorrow.
        selinux=(settings.root / SELINUX).exists(),
    )


@frozen()
class Place:
    """Where a runtime may be: its socket, and a kubelet's folder of static pods."""

    socket: str
    manifests: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Return what must be there."""
        return (self.socket,) if self.manifests is None else (self.socket, self.manifests)


@frozen()
class Known:
    """A runtime by name, where it usually is, and how it is opened."""

    name: str
    places: tuple[Place, ...]
    open: Callable[[Place, Wish], Runtime]


def _containers(place: Place, wish: Wish) -> Runtime:
    # Imported late, as the others are: a box has one of them.
    from skerry_executor.runtimes import containers  # noqa: PLC0415

    labelled = str(files.of_state(wish.state)) if wish.selinux else None
    return containers.connect(place.socket, labelled)


def _kubelet(place: Place, wish: Wish) -> Runtime:
    from skerry_executor.runtimes import kubelet  # noqa: PLC0415

    if place.manifests is None:
        reason = "name the kubelet's folder of static pods with --pod-manifests"
        raise RuntimeFailure(Failure.ABSENT, reason)
    return kubelet.connect(place.socket, pathlib.Path(place.manifests), wish.state, wish.run)


def _containerd(place: Place, wish: Wish) -> Runtime:
    from skerry_executor.runtimes import containerd  # noqa: PLC0415

    return containerd.connect(place.socket, wish.state, wish.run)


_K3S = Place("/run/k3s/containerd/containerd.sock", "/var/lib/rancher/k3s/agent/pod-manifests")
_CONTAINERD = "/run/containerd/containerd.sock"

RUNTIMES = (
    Known("podman", (Place("/run/podman/podman.sock"),), _containers),
    Known("docker", (Place("/run/docker.sock"), Place("/var/run/docker.sock")), _containers),
    Known(
        "kubelet",
        (
            _K3S,
            Place(_CONTAINERD, "/etc/kubernetes/manifests"),
            Place("/run/crio/crio.sock", "/etc/kubernetes/manifests"),
            Place(_CONTAINERD, "/etc/kubeedge/manifests"),
        ),
        _kubelet,
    ),
    # Last: where containerd is somebody else's, he is asked before.
    Known("containerd", (Place(_CONTAINERD),), _containerd),
)


def choose(wish: Wish, exists: Callable[[str], bool] = os.path.exists) -> Runtime:
    """Return the runtime that is wished for, or the first that is there.

    Without any, returns one that answers every call in words. Never raises.
    """
    if wish.name == AUTO and wish.manifests is not None:
        wish = dataclasses.replace(wish, name="kubelet")
    if wish.name == AUTO and wish.socket is not None:
        return _opened(RUNTIMES[0], Place(_path(wish.socket)), wish)
    known = [one for one in RUNTIMES if wish.name in (AUTO, one.name)]
    for one in known:
        for place in (_wished(place, wish) for place in one.places):
            # What is named is tried even when it is not there, so that its own words are heard.
            if wish.socket is not None or all(map(exists, place.paths)):
                return _opened(one, place, wish)
    looked = ", ".join(" with ".join(_wished(p, wish).paths) for one in known for p in one.places)
    if wish.name == AUTO:
        advice = "install podman and start podman.socket, or name one with --runtime-socket"
        reason = f"no container runtime on this box: none of {looked} is there; {advice}"
    else:
        advice = "name its socket with --runtime-socket"
        reason = f"no {wish.name} on this box: none of {looked} is there; {advice}"
    return NoRuntime(reason)


def _wished(place: Place, wish: Wish) -> Place:
    manifests = place.manifests
    if manifests is not None and wish.manifests is not None:
        manifests = str(wish.manifests)
    return Place(place.socket if wish.socket is None else _path(wish.socket), manifests)


def _path(socket: str) -> str:
    return socket.removeprefix("unix://")


def _opened(known: Known, place: Place, wish: Wish) -> Runtime:
    try:
        return known.open(place, wish)
    except RuntimeFailure as failure:
        return NoRuntime(failure.reason, failure.kind)
