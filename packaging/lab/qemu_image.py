"""Builds what the QEMU machine boots: Debian's own kernel, a small Debian, and the sources of now.

The disk image is built once and kept by what it is made of; the sources are laid over it at each
boot, from the initial RAM disk. Needs root: files of a Debian belong to root.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from lab.debian import bootstrap, output, run, suite
from lab.install import CACHE, ROOT, say
from lab.processes import LabError

PACKAGES = (
    "apparmor",
    "dbus",
    "iproute2",
    "kmod",
    "systemd",
    "systemd-sysv",
    "udev",
    "python3",
    "python3-cpuinfo",
    "python3-cryptography",
    "python3-msgpack",
    "python3-paho-mqtt",
    "python3-psutil",
    "python3-pyudev",
    "python3-tenacity",
)
BOOT_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""What finds the root disk; all others are loaded by udev, as on any box."""

UNUSED_MODULES = ("sound", "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/isdn")
IMAGE_BYTES = 1536 * 1024 * 1024
LIBRARY = "usr/lib/python3/dist-packages"

_NETWORK = """\
[Match]
MACAddress={mac}
[Network]
Address=10.0.2.15/24
IPv6AcceptRA=no
LinkLocalAddressing=no
"""
_LAB_UNIT = """\
[Unit]
Description=The lab's ear inside the machine
[Service]
ExecStart=/usr/bin/python3 /usr/lib/skerry-lab/qemu_guest.py
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
_PROGRAM = """\
#!/usr/bin/python3
import sys
from skerry_agent.main import main
sys.exit(main())
"""
_INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /dev /proc /sys /new
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
for module in /modules/*.ko; do /bin/busybox insmod $module; done
wait_s=0
while [ ! -b /dev/vda ] && [ $wait_s -lt 60 ]; do
    /bin/busybox sleep 1; wait_s=$((wait_s + 1))
done
/bin/busybox mount -t ext4 /dev/vda /new
/bin/busybox cp -a /overlay/. /new/
/bin/busybox umount /proc /dev
exec /bin/busybox switch_root /new /lib/systemd/systemd
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """What QEMU needs: the kernel, the root disk, and the folder of the kernel's boot modules."""

    kernel: pathlib.Path
    disk: pathlib.Path
    modules: pathlib.Path


def image(mac: str) -> Image:
    """Return the image, which is built (about two minutes) when none of this content is there."""
    text = pathlib.Path(__file__).read_bytes() + mac.encode() + suite().encode()
    folder = CACHE / "qemu" / hashlib.sha256(text).hexdigest()[:16]
    made = Image(folder / "vmlinuz", folder / "root.img", folder / "modules")
    if folder.exists():
        return made
    if os.geteuid() != 0:
        raise LabError("only root may build the image of the QEMU machine")
    say("building the image of the QEMU machine (about two minutes)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as name:
        _build(pathlib.Path(name), mac)
        for old in folder.parent.glob("[0-9a-f]*"):
            shutil.rmtree(old)
        (pathlib.Path(name) / "image").rename(folder)
    return made


def _build(folder: pathlib.Path, mac: str) -> None:
    root, out = folder / "root", folder / "image"
    out.mkdir()
    bootstrap(folder, root, PACKAGES)
    version = _add_kernel(folder, root, out)
    _set_up(root, mac)
    for number, module in enumerate(_needed(root, version)):
        (out / "modules").mkdir(exist_ok=True)
        shutil.copy(module, out / "modules" / f"{number:02}-{module.name}")
    disk = out / "root.img"
    with disk.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-U", "clear", "-d", str(root), str(disk)])


def _add_kernel(folder: pathlib.Path, root: pathlib.Path, out: pathlib.Path) -> str:
    """Unpack Debian's kernel without installing it: it needs no boot loader here."""
    depends = output(["apt-cache", "depends", "--important", "linux-image-amd64"])
    package = depends.split("Depends:", 1)[1].split()[0]
    run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], folder)
    (archive,) = folder.glob(f"{package}_*.deb")
    run(["dpkg-deb", "-x", str(archive), str(folder / "kernel")])
    version = package.removeprefix("linux-image-")
    shutil.copy(folder / "kernel" / "boot" / f"vmlinuz-{version}", out / "vmlinuz")
    (found,) = folder.glob(f"kernel/**/lib/modules/{version}")
    for unused in UNUSED_MODULES:
        shutil.rmtree(found / "kernel" / unused, ignore_errors=True)
    modules = root / "usr" / "lib" / "modules" / version
    modules.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(found, modules)
    run(["chroot", str(root), "depmod", version])
    return version


def _needed(root: pathlib.Path, version: str) -> Iterator[pathlib.Path]:
    """Yield the files of the boot modules, each after those that it depends on."""
    told = ["chroot", str(root), "modprobe", "-S", version, "--show-depends"]
    seen = set()
    for module in BOOT_MODULES:
        for line in output([*told, module]).splitlines():
            kind, _, place = line.strip().partition(" ")
            if kind == "insmod" and place not in seen:
                seen.add(place)
                yield root / place.split()[0].lstrip("/")


def _set_up(root: pathlib.Path, mac: str) -> None:
    """Make the Debian boot quickly and quietly, with one network interface of its own."""
    (root / "etc" / "hostname").write_text("skerry-qemu\n")
    (root / "etc" / "fstab").write_text("")
    (root / "etc" / "systemd" / "network" / "10-lab.network").write_text(_NETWORK.format(mac=mac))
    (root / "etc" / "systemd" / "system" / "skerry-lab.service").write_text(_LAB_UNIT)
    (root / "usr" / "bin" / "skerry-agent").write_text(_PROGRAM)
    (root / "usr" / "bin" / "skerry-agent").chmod(0o755)
    unit = ["chroot", str(root), "systemctl", "-q"]
    run([*unit, "enable", "systemd-networkd.service", "skerry-lab.service"])
    run([*unit, "mask", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"])
    run([*unit, "mask", "e2scrub_all.timer", "fstrim.timer", "systemd-networkd-wait-online"])


def initial_ram_disk(made: Image, place: pathlib.Path, files: dict[str, bytes]) -> None:
    """Write the RAM disk that mounts the root disk, and lays over it the sources and the files."""
    archive = _Cpio()
    busybox = shutil.which("busybox") or "/bin/busybox"
    archive.add("bin/busybox", pathlib.Path(busybox).read_bytes(), 0o755)
    archive.add("init", _INIT.encode(), 0o755)
    for module in sorted(made.modules.iterdir()):
        archive.add(f"modules/{module.name}", module.read_bytes())
    for package in (ROOT / "wire" / "skerry_wire", ROOT / "agent" / "skerry_agent"):
        for source in sorted(package.rglob("*.py")):
            inside = source.relative_to(package.parent)
            archive.add(f"overlay/{LIBRARY}/{inside}", source.read_bytes())
    units = ROOT / "systemd"
    unit = (units / "skerry-agent.service").read_bytes()
    archive.add("overlay/usr/lib/systemd/system/skerry-agent.service", unit)
    user = (units / "skerry-agent.sysusers").read_bytes()
    archive.add("overlay/usr/lib/sysusers.d/skerry-agent.conf", user)
    guest = pathlib.Path(__file__).with_name("qemu_guest.py").read_bytes()
    archive.add("overlay/usr/lib/skerry-lab/qemu_guest.py", guest)
    for name, content in files.items():
        archive.add(f"overlay/{name}", content)
    place.write_bytes(archive.end())


class _Cpio:
    """Writes the archive format of initial RAM disks ("newc")."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._folders: set[str] = set()

    def add(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file, and the folders above it."""
        for folder in reversed(pathlib.PurePath(name).parents[:-1]):
            if str(folder) not in self._folders:
                self._folders.add(str(folder))
                self._entry(str(folder), b"", 0o40755)
        self._entry(name, content, 0o100000 | mode)

    def end(self) -> bytes:
        """Return the whole archive."""
        self._entry("TRAILER!!!", b"", 0)
        return b"".join(self._parts)

    def _entry(self, name: str, content: bytes, mode: int) -> None:
        number = len(self._parts) + 1
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self._parts += [head + b"\0" * (-len(head) % 4), content + b"\0" * (-len(content) % 4)]
