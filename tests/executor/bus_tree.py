"""A made tree of devices, whose device nodes are harmless ones that the machine really has.

So it takes no privilege, and what is in /dev is looked at as on a box.
"""

import os
import pathlib
import shutil

STEM = "sys/devices/pci0000:00/0000:00:14.0"
PLAIN = ("null", "zero", "full", "random", "urandom", "tty")
"""Nodes that each machine has."""


def number_of(name):
    found = os.stat(f"/dev/{name}").st_rdev
    return f"{os.major(found)}:{os.minor(found)}"


class BusTree:
    """One box with a USB controller at 0000:00:14.0. Devices are plugged and unplugged."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self._write("proc/sys/kernel/random/boot_id", "7b1c0f7e-0000-4000-8000-000000000000")
        self._write(f"{STEM}/vendor", "0x8086")
        self._write(f"{STEM}/device", "0x9d2f")
        self._link("sys/bus/pci/devices/0000:00:14.0", STEM)
        (self.root / "sys/dev/char").mkdir(parents=True)

    def plug(self, port="1-2", vendor="0403", product="6001", nodes=()):
        """Plug a device in, with (place within it, subsystem, node that stands for its own)."""
        place = f"{STEM}/usb1/{port}"
        self._write(f"{place}/idVendor", vendor)
        self._write(f"{place}/idProduct", product)
        self._link(f"sys/bus/usb/devices/{port}", place)
        for below, subsystem, name in nodes:
            self.node(f"{place}/{below}".rstrip("/"), subsystem, name)
        return self

    def unplug(self, port="1-2"):
        shutil.rmtree(self.root / STEM / "usb1" / port)
        (self.root / "sys/bus/usb/devices" / port).unlink()
        for link in (self.root / "sys/dev/char").iterdir():
            if not link.exists():
                link.unlink()
        return self

    def function(self, address="0000:01:00.0", driver=None, group=None, nodes=()):
        """Add a PCI function."""
        place = f"sys/devices/pci0000:00/{address}"
        self._write(f"{place}/vendor", "0x10de")
        self._write(f"{place}/device", "0x2204")
        self._link(f"sys/bus/pci/devices/{address}", place)
        if driver is not None:
            self._write(f"sys/bus/pci/drivers/{driver}/bind", "")
            self._link(f"{place}/driver", f"sys/bus/pci/drivers/{driver}")
        if group is not None:
            self._write(f"sys/kernel/iommu_groups/{group}/type", "DMA")
            self._link(f"{place}/iommu_group", f"sys/kernel/iommu_groups/{group}")
        for below, subsystem, name in nodes:
            self.node(f"{place}/{below}", subsystem, name)
        return self

    def node(self, place, subsystem, name, number=None, devname=None):
        """Add a device node of the machine at a place of the tree."""
        self._write(f"{place}/uevent", f"MAJOR=1\nDEVNAME={devname or name}")
        self._write(f"sys/class/{subsystem}/.keep", "")
        self._link(f"{place}/subsystem", f"sys/class/{subsystem}")
        self._link(f"sys/dev/char/{number or number_of(name)}", place)
        return self

    def udev(self, name, capabilities):
        text = f"S:v4l/x\nE:ID_V4L_CAPABILITIES={capabilities}"
        self._write(f"run/udev/data/c{number_of(name)}", text)
        return self

    def _write(self, path, text):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}\n")

    def _link(self, path, target):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(self.root / target)
