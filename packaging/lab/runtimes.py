"""The versions of runtimes on which the executor is tried, by name, and how each is started.

Those of this machine come with its packages; `./dev runtimes` brings the others, and `./dev test
tests/executor --runtimes NAME,NAME` runs the tests of the executor on them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from lab import containerd as lab_containerd
from lab import docker as lab_docker
from lab.containerd import Containerd
from lab.docker import Docker
from lab.go_build import GoPrograms
from lab.kubelet import Kubelet
from lab.podman import Podman
from lab.processes import LabError
from lab.programs import OtherDebian, Programs

Lab = Podman | Docker | Containerd | Kubelet

FOLDER = pathlib.Path("/var/cache/skerry-lab")
DEBIAN = "debian-trixie"
"""Debian 13 in a folder, for its packages of podman, docker and containerd."""

_CONTAINERD = ("/cmd/containerd", "/cmd/containerd-shim-runc-v2", "/cmd/ctr")
_DOCKER = ("/cmd/dockerd", "/cmd/docker-proxy")

BUILT: Mapping[str, GoPrograms] = {
    # It still starts on a machine whose cgroups are of version 1.
    "kubelet-1.34": GoPrograms(
        module="k8s.io/kubernetes",
        version="v1.34.4",
        packages=("/cmd/kubelet",),
        flags="-X k8s.io/component-base/version.gitVersion=v1.34.4",
        staged="v0.34.4",
    ),
    "kubelet-1.37": GoPrograms(
        module="k8s.io/kubernetes",
        version="v1.37.2",
        packages=("/cmd/kubelet",),
        flags="-X k8s.io/component-base/version.gitVersion=v1.37.2",
        staged="v0.37.2",
    ),
    "containerd-2.4": GoPrograms(
        module="github.com/containerd/containerd/v2",
        version="v2.4.2",
        packages=_CONTAINERD,
        flags="-X github.com/containerd/containerd/v2/version.Version=2.4.2",
    ),
    "docker-28": GoPrograms(
        module="github.com/docker/docker",
        version="v28.5.2+incompatible",
        packages=_DOCKER,
        requirements="vendor.mod",
        flags="-X github.com/docker/docker/dockerversion.Version=28.5.2",
        tags="exclude_graphdriver_btrfs",
    ),
    "docker-29": GoPrograms(
        module="github.com/moby/moby/v2",
        version="v2.0.0-beta.24",
        packages=_DOCKER,
        flags="-X github.com/moby/moby/v2/dockerversion.Version=29.0.0",
    ),
    # docker 29 gives containers a clock of their own, which Debian 13's runc does not know.
    "runc-1.5": GoPrograms(
        module="github.com/opencontainers/runc",
        version="v1.5.3",
        packages=("",),
        tags="seccomp",
        has_c=True,
    ),
}
"""What is built of published Go modules, each into the folder of its name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    """A runtime in one version. `built` are folders of programs that are taken before all others.

    Where `is_debian`, the others are those of Debian 13, not those of this machine.
    """

    kind: str
    built: tuple[str, ...] = ()
    is_debian: bool = False


VERSIONS: Mapping[str, Version] = {
    "podman": Version(kind="podman"),
    "docker": Version(kind="docker"),
    "containerd": Version(kind="containerd"),
    "kubelet": Version(kind="kubelet", built=("kubelet-1.34",)),
    "podman-5.4": Version(kind="podman", is_debian=True),
    "docker-26": Version(kind="docker", is_debian=True),
    "docker-28": Version(kind="docker", is_debian=True, built=("docker-28",)),
    "docker-29": Version(kind="docker", is_debian=True, built=("docker-29", "runc-1.5")),
    "containerd-1.7": Version(kind="containerd", is_debian=True),
    "containerd-2.4": Version(kind="containerd", built=("containerd-2.4",)),
    "kubelet-containerd-1.7": Version(kind="kubelet", is_debian=True, built=("kubelet-1.34",)),
    "kubelet-1.37": Version(kind="kubelet", built=("kubelet-1.37", "containerd-2.4")),
    "kubelet-containerd-2.4": Version(kind="kubelet", built=("kubelet-1.34", "containerd-2.4")),
}
"""The first four are those that are tried wherever they are installed."""

OF_THIS_MACHINE = ("podman", "docker", "containerd", "kubelet")

_NEEDED = {
    "podman": ("podman",),
    "docker": lab_docker.PROGRAMS,
    "containerd": lab_containerd.PROGRAMS,
    "kubelet": ("kubelet", *lab_containerd.PROGRAMS),
}
_CDI = {"features": {"cdi": True}}
"""docker 25 to 28 have CDI where this turns it on."""


def prepared(
    name: str, folder: pathlib.Path, insecure: Sequence[str] = (), cache: pathlib.Path = FOLDER
) -> Lab:
    """Return a runtime that is ready to start; `folder` takes everything.

    Registries that are `insecure` are asked without TLS; `cache` has what `./dev runtimes` brought.
    Raises LabError for what is not installed.
    """
    version = VERSIONS[name]
    folders = [cache / one for one in version.built]
    root = cache / DEBIAN
    if version.is_debian and not root.exists():
        raise LabError(f"{name} is not installed: ./dev runtimes")
    is_other = version.is_debian
    programs = OtherDebian(root, folder / "log", folders) if is_other else Programs(folders)
    if not programs.has(*_NEEDED[version.kind]):
        programs.close()
        raise LabError(f"{name} is not installed: ./dev {'runtimes' if version.built else 'test'}")
    match version.kind:
        case "podman":
            other = programs if version.is_debian else None
            return Podman(folder / "own", insecure, programs=other)
        case "docker":
            settings = _CDI if version.is_debian else {}
            return Docker(folder / "own", programs, settings)
        case "containerd":
            return Containerd(folder / "own", insecure, programs)
    return Kubelet(folder / "own", insecure, programs)
