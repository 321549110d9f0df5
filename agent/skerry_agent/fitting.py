"""Makes a capability fit a message: a server split into a thousand virtual functions is too large.

What says least is left out first, and the status of its probe says so. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from skerry_wire import codec
from skerry_wire.hardware import Hardware, PciFunction

MOST_BYTES = codec.MAX_MESSAGE_BYTES - 16 * 1024
"""The rest is for what stands around the hardware in its message, and for the box's policy, of
which at most 12 KiB are told."""


def fitted(hardware: Hardware) -> Hardware:
    """Return the hardware, without what is too much for one message."""
    for cut in CUTS:
        if len(codec.pack(hardware)) <= MOST_BYTES:
            break
        hardware = cut(hardware)
    return hardware


def _said(hardware: Hardware, probe: str, words: str) -> Hardware:
    """Return the hardware with words on what was left out of a probe's answer."""
    status = hardware.probes.get(probe)
    if status is None:
        return hardware
    status = dataclasses.replace(status, reason=f"{words} left out: too much for a message")
    return dataclasses.replace(hardware, probes={**hardware.probes, probe: status})


def _nameless(function: PciFunction) -> PciFunction:
    return dataclasses.replace(function, vendor_name=None, device_name=None)


def _names_of_virtual_functions(hardware: Hardware) -> Hardware:
    pci = tuple(_nameless(one) if one.virtual_function else one for one in hardware.pci)
    said = _said(hardware, "pci", "names of virtual functions are")
    return dataclasses.replace(said, pci=pci)


def _virtual_interfaces(hardware: Hardware) -> Hardware:
    nics = tuple(one for one in hardware.nics if one.hardware and not one.virtual_function)
    said = _said(hardware, "nics", "virtual interfaces are")
    return dataclasses.replace(said, nics=nics)


def _virtual_functions(hardware: Hardware) -> Hardware:
    pci = tuple(one for one in hardware.pci if not one.virtual_function)
    return dataclasses.replace(_said(hardware, "pci", "virtual functions are"), pci=pci)


def _names_of_functions(hardware: Hardware) -> Hardware:
    pci = tuple(map(_nameless, hardware.pci))
    return dataclasses.replace(_said(hardware, "pci", "names are"), pci=pci)


def _functions(hardware: Hardware) -> Hardware:
    return dataclasses.replace(_said(hardware, "pci", "all functions are"), pci=())


def _interfaces(hardware: Hardware) -> Hardware:
    return dataclasses.replace(_said(hardware, "nics", "all interfaces are"), nics=())


CUTS: tuple[Callable[[Hardware], Hardware], ...] = (
    _names_of_virtual_functions,
    _virtual_interfaces,
    _virtual_functions,
    _names_of_functions,
    _functions,
    _interfaces,
)
"""What is left out, one after another, until it fits. Accelerators never are."""
