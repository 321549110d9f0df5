"""What a recording holds in place of long lists: the lines that speak of the recorded box.

The whole lists are megabytes, and that of the installed packages is nobody's business.
"""

from __future__ import annotations

from skerry_agent.host import Host
from skerry_agent.probes import device_names, dpkg
from skerry_agent.probes.runtimes import RUNTIMES
from skerry_wire.hardware import Hardware

_NAMES = frozenset({"pci.ids", "usb.ids", "hwdb.bin"})


def is_list(place: str) -> bool:
    """Say whether a file is such a list."""
    return place == dpkg.STATUS or place.rpartition("/")[2] in _NAMES


def extracts(host: Host, hardware: Hardware) -> dict[str, bytes]:
    """Return, by path, the lists as short as they answer for this box as they do there."""
    pci = [(function.vendor, function.device) for function in hardware.pci]
    usb = [(d.vendor, d.product) for d in hardware.usb if d.vendor and d.product]
    folder = device_names.FOLDERS[0]
    found = {
        # What hwdb.bin says stands in these, too.
        f"{folder}/pci.ids": _names(device_names.read(host, "pci", pci)),
        f"{folder}/usb.ids": _names(device_names.read(host, "usb", usb)),
        dpkg.STATUS: _packages(host),
    }
    return {path: content for path, content in found.items() if content}


def _names(names: dict[tuple[str, str], device_names.Names]) -> bytes:
    # Lists begin with a remark, and are searched for what follows an end of line.
    lines = ["# Only the devices of the recorded box\n"]
    before = None
    for (vendor, device), known in sorted(names.items(), key=lambda item: item[0]):
        if known.vendor is None:
            continue
        if vendor != before:
            lines.append(f"{vendor}  {known.vendor}\n")
            before = vendor
        if known.device is not None:
            lines.append(f"\t{device}  {known.device}\n")
    return "".join(lines).encode("utf-8") if before else b""


def _packages(host: Host) -> bytes:
    entries = []
    for name in sorted({name for known in RUNTIMES for name in known.packages}):
        version = dpkg.version(host, (name,))
        if version is not None:
            status = dpkg.INSTALLED.decode("ascii")
            entries.append(f"Package: {name}{status}\nVersion: {version}\n\n")
    return "".join(entries).encode("utf-8")
