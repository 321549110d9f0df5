"""The architectures of an image: compose's `platform`, and `platforms` of `x-placement`. Pure.

Each is a constraint on the node's own architecture: a node pulls its own platform of an image. The
hub asks no registry what an image has; a node says so when it has none for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry_hub.model import Constraint
from skerry_hub.placement.expression import quoted
from skerry_hub.placement.reading import expression
from skerry_hub.workloads.expressions import Written
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Value, listed, parsed

_ARCH = "node.platform.arch"
_ARCHS: Mapping[str, str] = {
    "386": "386",
    "amd64": "amd64",
    "amd64/v1": "amd64",
    "arm": "arm",
    "arm/v6": "arm",  # which runs on what is newer, too
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


MOST_PLATFORMS = 16


def platforms(value: Value) -> tuple[Written, ...]:
    """Read the platforms that an image has: a node is of one of them."""
    found = listed(parsed(platform))(value)
    if not 1 <= len(found) <= MOST_PLATFORMS:
        raise RefusedError(f"must be 1 to {MOST_PLATFORMS} platforms, as linux/arm64")
    whole = next((one for one in found if one.key != _ARCH), None)
    if whole is not None:
        raise RefusedError("linux alone is every node: write linux/arm64")
    names = dict.fromkeys(one.value for one in found)
    return ((value, expression(f"{_ARCH} in [{', '.join(map(quoted, names))}]")),)


def platform(written: str) -> Constraint:
    """Return what nodes must be for images of a platform."""
    system, slash, arch = written.partition("/")
    if system != "linux":
        raise RefusedError(f"{short(written)}: every node is linux; write linux/arm64")
    if not slash:
        return Constraint(key="node.platform.os", operator="==", value="linux")
    if arch in _ARCHS:
        return Constraint(key=_ARCH, operator="==", value=_ARCHS[arch])
    if arch.startswith("amd64/"):
        raise RefusedError(
            f"{short(written)}: ask for the instruction sets by a constraint of x-placement,"
            " as node.hardware.cpu.flags contains avx2"
        )
    raise RefusedError(f"{short(written)}: {short(arch)} is none of {', '.join(_ARCHS)}")
