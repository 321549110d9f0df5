"""Writes small boxes as folders: what the kernel shows of them, and no more than a test needs."""

import pytest

from skerry_agent.host import Host
from skerry_agent.probes.result import Found
from skerry_agent.probes.table import PROBES

CPUS = "sys/devices/system/cpu"


class Tree:
    """One box. Paths are relative to its root."""

    def __init__(self, root):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @property
    def host(self):
        return Host(self.root)

    def write(self, path, content=""):
        """Write a file (text, bytes), or a folder of them (a dict by name)."""
        if isinstance(content, dict):
            (self.root / path).mkdir(parents=True, exist_ok=True)
            for name, inner in content.items():
                self.write(f"{path}/{name}", inner)
            return self
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(f"{content}\n")
        return self

    def link(self, path, target):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
        return self

    def cpu(self, number, core=0, package=0, siblings=None, **files):
        """Write one CPU; `siblings` is the list of those that share its core."""
        topology = {"core_id": core, "physical_package_id": package}
        if siblings is not None:
            topology["thread_siblings_list"] = siblings
        self.write(f"{CPUS}/cpu{number}", {"topology": topology})
        for path, text in files.items():
            self.write(f"{CPUS}/cpu{number}/{path}", text)
        return self

    def online(self, cpus, present=None):
        return self.write(CPUS, {"online": cpus, "present": present or cpus})

    def cpuinfo(self, *blocks):
        text = "\n\n".join("\n".join(f"{k}\t: {v}" for k, v in b.items()) for b in blocks)
        return self.write("proc/cpuinfo", text)

    def pci(self, address, ids, class_, *, driver=None, place=None, **files):
        """Write one PCI function; `ids` is vendor:device, `place` its folder below /sys/devices."""
        vendor, device = ids.split(":")
        folder = f"sys/devices/{place or 'pci0000:00/' + address}"
        self.write(folder, {"vendor": f"0x{vendor}", "device": f"0x{device}"})
        self.write(f"{folder}/class", f"0x{class_}")
        for path, text in files.items():
            self.write(f"{folder}/{path}", text)
        if driver:
            self.write(f"sys/bus/pci/drivers/{driver}", {})
            self.link(f"{folder}/driver", f"/sys/bus/pci/drivers/{driver}")
        return self.link(f"sys/bus/pci/devices/{address}", f"/{folder}")

    def usb(self, port, ids, class_="00", interfaces=(), **files):
        vendor, product = ids.split(":")
        folder = f"sys/bus/usb/devices/{port}"
        self.write(folder, {"idVendor": vendor, "idProduct": product, "bDeviceClass": class_})
        self.write(folder, files)
        for number, interface in enumerate(interfaces):
            self.write(f"{folder}:1.{number}/bInterfaceClass", interface)
        return self

    def nic(self, name, *, device=True, **files):
        folder = f"sys/class/net/{name}"
        self.write(folder, {"type": 1, "mtu": 1500, "operstate": "up", **files})
        if device:
            self.write(f"sys/devices/of-{name}", {})
            self.link(f"{folder}/device", f"/sys/devices/of-{name}")
        return self

    def node(self, path, compatible, **properties):
        """Write a node of the device tree; several compatibles are separated by a space."""
        text = "".join(f"{name}\0" for name in compatible.split()).encode()
        folder = "sys/firmware/devicetree/base" + path.rstrip("/")
        self.write(f"{folder}/compatible", text)
        for name, value in properties.items():
            self.write(f"{folder}/{name}", f"{value}\0".encode())
        return self


def result(tree, name):
    """Return what a probe of the table answers."""
    (probe,) = (probe for probe in PROBES if probe.name == name)
    return probe.parse(probe.read(tree.host))


def found(tree, name):
    """Return what a probe of the table finds."""
    answer = result(tree, name)
    assert isinstance(answer, Found), answer
    return answer.value


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / "box")
