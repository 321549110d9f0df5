"""The key `platform` of a service, as `linux/arm64`: a constraint on the node's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from skerry_hub.model import Constraint
from skerry_hub.workloads.problems import RefusedError, short

_ARCHS: Mapping[str, str] = {
    "386": "386",
    "amd64": "amd64",
    "amd64/v1": "amd64",
    "arm": "arm",
    "arm/v6": "armv6l",
    "arm/v7": "armv7l",
    "arm64": "arm64",
    "arm64/v8": "arm64",
    "loong64": "loongarch64",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    # The kernel's names, which people write too.
    "aarch64": "arm64",
    "i386": "386",
    "x86_64": "amd64",
}
"""Images' architectures and variants, and a name of the same that nodes know."""


def platform(written: str) -> Constraint:
    """Return what nodes must be for images of a platform."""
    system, slash, arch = written.partition("/")
    if system != "linux":
        raise RefusedError(f"{short(written)}: every node is linux; write linux/arm64")
    if not slash:
        return Constraint(key="node.platform.os", operator="==", value="linux")
    if arch in _ARCHS:
        return Constraint(key="node.platform.arch", operator="==", value=_ARCHS[arch])
    if arch.startswith("amd64/"):
        raise RefusedError(
            f"{short(written)}: ask for the instruction sets by a constraint of x-placement,"
            " as node.hardware.cpu.flags contains avx2"
        )
    raise RefusedError(f"{short(written)}: {short(arch)} is none of {', '.join(_ARCHS)}")
