"""The CDI name by which an accelerator is given to a container, where the box has one. Pure.

A box that tells CDI names has specifications which its runtime reads: with the device nodes come
the libraries and files that a device needs. Which name is which device, the names alone say; where
that leaves a doubt, the device nodes are given instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence

from skerry_wire.box_policy import allows_cdi
from skerry_wire.hardware import Accelerator, Hardware
from skerry_wire.runtime_limits import gives_cdi

NVIDIA = "nvidia.com/gpu"
_WHOLE = re.compile(r"[0-9]+")


def cdi_name_of(accelerator: Accelerator, hardware: Hardware) -> str | None:
    """Return the name, where the box has one, its policy allows it and its runtime takes it."""
    if hardware.policy is None or not hardware.cdi_devices:
        return None
    for rule in RULES:
        name = rule(accelerator, hardware)
        if name is not None:
            return name if allows_cdi(hardware.policy, name) and _is_given(name, hardware) else None
    return None


def _is_given(name: str, hardware: Hardware) -> bool:
    runtime = hardware.runtime_in_use
    return runtime is None or gives_cdi(runtime, name)


def _by_address(accelerator: Accelerator, hardware: Hardware) -> str | None:
    """Some generators name a device by its PCI address."""
    return _only(
        name
        for name in hardware.cdi_devices
        if accelerator.bus == "pci" and _device(name) == accelerator.address
    )


def _by_node(accelerator: Accelerator, hardware: Hardware) -> str | None:
    """Others by its device node, in a class of its kind: `hailo.ai/npu=hailo0` is /dev/hailo0."""
    nodes = {path.rpartition("/")[2] for path in accelerator.device_nodes}
    return _only(
        name
        for name in hardware.cdi_devices
        if _class(name) == accelerator.kind and _device(name) in nodes
    )


def _by_index(accelerator: Accelerator, hardware: Hardware) -> str | None:
    """NVIDIA's generator counts what its driver has, by PCI address.

    One that is split into partitions has names for these alone. The count must be as large as the
    list of names, or else it is not known who is counted.
    """
    if not _is_counted(accelerator):
        return None
    counted = _counted(hardware.accelerators)
    names = {_device(name) for name in hardware.cdi_devices if name.partition("=")[0] == NVIDIA}
    indices = {str(at) for at, one in enumerate(counted) if not one.partitions}
    if accelerator.partitions or {name for name in names if _WHOLE.fullmatch(name)} != indices:
        return None
    return f"{NVIDIA}={counted.index(accelerator)}"


RULES: Sequence[Callable[[Accelerator, Hardware], str | None]] = (_by_address, _by_node, _by_index)
"""Which name is which device: the first that finds one."""


def _is_counted(one: Accelerator) -> bool:
    is_nvidia = one.vendor.casefold().startswith("nvidia")
    # A module of NVIDIA's Jetson has one GPU, which is on no bus.
    return one.kind == "gpu" and is_nvidia and (one.bus == "soc" or one.driver == "nvidia")


@functools.lru_cache(maxsize=256)
def _counted(accelerators: tuple[Accelerator, ...]) -> tuple[Accelerator, ...]:
    return tuple(sorted(filter(_is_counted, accelerators), key=lambda one: one.address))


def _only(names: Iterable[str]) -> str | None:
    found = list(names)
    return found[0] if len(found) == 1 else None


def _class(name: str) -> str:
    return name.partition("=")[0].rpartition("/")[2]


def _device(name: str) -> str:
    return name.partition("=")[2]
