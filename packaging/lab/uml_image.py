"""Builds what a user-mode-linux box boots: a small Debian with systemd, podman and the agent's needs.

The disk image is built once and kept by what it is made of; each box writes to a copy of its own,
and takes the sources of now from the host's own files.
"""

from __future__ import annotations

import glob
import hashlib
import os
import pathlib
import shutil
import tempfile

from lab.debian import bootstrap, run, suite
from lab.install import CACHE, ROOT, say
from lab.processes import LabError

PACKAGES = (
    "crun",
    "dbus",
    "iproute2",
    "iptables",
    "kmod",
    "podman",
    "systemd",
    "systemd-sysv",
    "udev",
    "python3",
    "python3-cpuinfo",
    "python3-msgpack",
    "python3-nacl",
    "python3-paho-mqtt",
    "python3-psutil",
    "python3-pyudev",
    "python3-tenacity",
)
IMAGE_BYTES = 2048 * 1024 * 1024
LIBRARY = "usr/lib/python3/dist-packages"
SOURCES = ("wire/skerry_wire", "agent/skerry_agent", "agent/skerry_executor")
UNITS = ("skerry-agent.service", "skerry-executor.service", "skerry-executor.socket")

_INIT = """\
#!/bin/sh
# Before systemd: the host's files, and what of them belongs to this box.
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/host
mount -t hostfs none /run/host -o "$(sed -n 's/.*lab_host=\\([^ ]*\\).*/\\1/p' /proc/cmdline)"
if [ ! -e /etc/lab-done ]; then
    cp -a /run/host/files/. /
    /usr/bin/python3 -m compileall -q /usr/lib/python3/dist-packages/skerry_* || true
    touch /etc/lab-done
    sync
fi
umount /proc
exec /lib/systemd/systemd
"""
_GUEST_UNIT = """\
[Unit]
Description=The lab's ear inside the machine
[Service]
ExecStart=/usr/bin/python3 /usr/lib/skerry-lab/uml_guest.py
Restart=always
[Install]
WantedBy=multi-user.target
"""
_NETWORK = """\
[Unit]
Description=The lab's network
DefaultDependencies=no
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/lab-network
[Install]
WantedBy=basic.target
"""
_COLDPLUG = """\
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=net
"""
_JOURNAL = """\
[Journal]
Storage=volatile
"""
_NOT_NEEDED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "podman-auto-update.service",
    "podman-auto-update.timer",
    "systemd-networkd-wait-online.service",
    "systemd-tmpfiles-clean.timer",
    # Each costs a boot some tenths of a second of a processor, and nothing here uses it.
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "kmod-static-nodes.service",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysusers.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
)
PROGRAM = """\
#!/usr/bin/python3
import sys
from {module}.main import main
sys.exit(main())
"""


def image() -> pathlib.Path:
    """Return the disk image, which is built (some minutes) when none of this content is there."""
    text = pathlib.Path(__file__).read_bytes() + suite().encode()
    folder = CACHE / "uml" / hashlib.sha256(text).hexdigest()[:16]
    disk = folder / "root.img"
    if folder.exists():
        return disk
    if os.geteuid() != 0:
        raise LabError("only root may build the image of the lab's boxes")
    say("building the image of the lab's boxes (two or three minutes)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as name:
        _build(pathlib.Path(name))
        for old in folder.parent.glob("[0-9a-f]*"):
            shutil.rmtree(old)
        (pathlib.Path(name) / "image").rename(folder)
    return disk


def _build(folder: pathlib.Path) -> None:
    root, out = folder / "root", folder / "image"
    out.mkdir()
    bootstrap(folder, root, PACKAGES)
    for modules in glob.glob("/usr/lib/uml/modules/*"):
        place = root / "usr" / "lib" / "modules" / pathlib.Path(modules).name
        shutil.copytree(modules, place)
        run(["chroot", str(root), "depmod", place.name])
    _set_up(root)
    disk = out / "root.img"
    with disk.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-U", "random", "-d", str(root), str(disk)])


def _set_up(root: pathlib.Path) -> None:
    """Make the Debian boot quickly and quietly."""
    system = root / "etc" / "systemd" / "system"
    (root / "etc" / "fstab").write_text("")
    (root / "etc" / "machine-id").write_text("")
    (root / "sbin" / "lab-init").write_text(_INIT)
    (root / "sbin" / "lab-init").chmod(0o755)
    (system / "skerry-lab.service").write_text(_GUEST_UNIT)
    (system / "lab-network.service").write_text(_NETWORK)
    containers = root / "etc" / "containers"
    containers.mkdir(exist_ok=True)
    (containers / "containers.conf").write_text('[engine]\nruntime = "crun"\n')
    unit = ["chroot", str(root), "systemctl", "-q"]
    run([*unit, "enable", "skerry-lab.service", "lab-network.service", "podman.socket"])
    run([*unit, "enable", "podman-restart.service"])
    run([*unit, "mask", *_NOT_NEEDED])
    for place, text in (
        (system / "systemd-udev-trigger.service.d" / "lab.conf", _COLDPLUG),
        (root / "etc" / "systemd" / "journald.conf.d" / "lab.conf", _JOURNAL),
    ):
        place.parent.mkdir()
        place.write_text(text)


def files_of_box(place: pathlib.Path) -> None:
    """Write what a box gets at its first boot: the sources of now, the units, the lab's ear."""
    library = place / LIBRARY
    library.mkdir(parents=True)
    for package in SOURCES:
        source = ROOT / package
        shutil.copytree(
            source, library / source.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    units = place / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for name in UNITS:
        shutil.copy(ROOT / "systemd" / name, units / name)
    users = place / "usr/lib/sysusers.d"
    users.mkdir(parents=True)
    shutil.copy(ROOT / "systemd" / "skerry-agent.sysusers", users / "skerry-agent.conf")
    programs = place / "usr/bin"
    programs.mkdir(parents=True)
    for module in ("skerry_agent", "skerry_executor"):
        program = programs / module.replace("_", "-")
        program.write_text(PROGRAM.format(module=module))
        program.chmod(0o755)
    ear = place / "usr/lib/skerry-lab"
    ear.mkdir(parents=True)
    shutil.copy(pathlib.Path(__file__).with_name("uml_guest.py"), ear / "uml_guest.py")
