"""A fresh Debian for a box in user-mode-linux, and the packages that its apt fetches from the lab.

Nothing of Skerry is in it, nor, unless that is asked for, what Skerry needs: no Python, no library,
no runtime. What its apt may want comes from where this machine has its own packages, once, and is
kept beside the disk.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
import pathlib
import re
import shutil
import tempfile

from lab.debian import bootstrap, output, run
from lab.install import CACHE, ROOT, say
from lab.processes import LabError

SUITES = ("bookworm", "trixie")
BASE = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "apt",
    "ca-certificates",
    "iproute2",
    "kmod",
    "procps",
    "sudo",
    "wget",
)
"""What the installer of Debian puts on a machine, as far as this needs it."""
RUNTIME = ("podman", "crun")
MORE = (*RUNTIME, "unattended-upgrades")
"""What else an administrator may want of Debian."""
IMAGE_BYTES = 3072 * 1024 * 1024

_INIT = """\
#!/bin/sh
# Before systemd: the host's files, through which the lab asks.
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/host
mount -t hostfs none /run/host -o "$(sed -n 's/.*lab_host=\\([^ ]*\\).*/\\1/p' /proc/cmdline)"
umount /proc
exec /lib/systemd/systemd
"""
_LINE = """\
[Unit]
Description=The lab's line into the machine
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
ExecStart=/bin/bash /usr/lib/lab/line
KillMode=process
Restart=always
[Install]
WantedBy=sysinit.target
"""
_LINE_SCRIPT = """\
# Runs each question that the host puts into a file, beside each other; needs no network.
cd /run/host/line || exit 1
mkfifo /run/lab-never 2>/dev/null
exec 9<>/run/lab-never
answer() {
    bash "./$1.taken" >"$1.said" 2>&1 </dev/null 9>&-
    echo $? >"$1.new"
    mv "$1.new" "$1.status"
}
while :; do
    for one in *.ask; do
        [ -e "$one" ] || continue
        mv "$one" "${one%.ask}.taken"
        answer "${one%.ask}" &
    done
    read -r -t 0.1 -u 9 _
done
"""
_NETWORK = """\
[Unit]
Description=The lab's network
DefaultDependencies=no
Before=network.target
ConditionPathExists=!/run/host/network-off
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /run/host/network
[Install]
WantedBy=basic.target
"""
_COLDPLUG = """\
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=net
"""
_NOT_NEEDED = (
    # They would fetch and upgrade in the middle of what is measured.
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    # Nobody sits before it.
    "getty@tty1.service",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
)
_GENERATORS = (
    # Each reload of systemd starts all of them, which takes seconds here, and nothing needs them.
    "podman-system-generator",
    "systemd-bless-boot-generator",
    "systemd-cryptsetup-generator",
    "systemd-debug-generator",
    "systemd-fstab-generator",
    "systemd-getty-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-integritysetup-generator",
    "systemd-rc-local-generator",
    "systemd-run-generator",
    "systemd-ssh-generator",
    "systemd-system-update-generator",
    "systemd-sysv-generator",
    "systemd-tpm2-generator",
    "systemd-veritysetup-generator",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Fresh:
    """What a box boots, and a folder of packages with their index, as apt reads it."""

    suite: str
    disk: pathlib.Path
    archive: pathlib.Path


def fresh(suite: str, runtime: bool) -> Fresh:
    """Return a fresh Debian, built (a minute or two) where none of this content is there.

    With a `runtime`, podman is installed already, and the packages of Debian that Skerry's needs:
    on a processor that is emulated they take a minute, and the package brings only itself.
    """
    key = f"{suite} {runtime} {' '.join(needed())}"
    text = key.encode() + pathlib.Path(__file__).read_bytes()
    kind = f"{suite}-podman" if runtime else suite
    folder = CACHE / "uml-fresh" / f"{kind}-{hashlib.sha256(text).hexdigest()[:16]}"
    found = Fresh(suite, folder / "root.img", folder / "archive")
    if folder.exists():
        return found
    if os.geteuid() != 0:
        raise LabError("only root may build the image of a fresh Debian")
    say(f"building a fresh Debian, {kind} (a minute or two)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as name:
        _build(pathlib.Path(name), suite, runtime)
        for old in folder.parent.glob(f"{kind}-????????????????"):
            shutil.rmtree(old)
        (pathlib.Path(name) / "image").rename(folder)
    return found


def needed() -> list[str]:
    """Return the packages of Debian that the box's package depends on, or recommends alone."""
    control = (ROOT / "packaging" / "debian" / "control").read_text()
    package = control[control.index("\nPackage: skerry-agent\n") :]
    listed = re.search(r"\nDepends:\n(.*?)\nSuggests:", package, re.S)
    if listed is None:
        raise LabError("packaging/debian/control: no Depends before Suggests")
    return re.findall(r"^ ([a-z0-9.+-]+)(?: \([^)]*\))?,$", listed[1], re.M)


def _build(folder: pathlib.Path, suite: str, runtime: bool) -> None:
    root, out = folder / "root", folder / "image"
    archive = out / "archive"
    archive.mkdir(parents=True)
    # As the box will ask for them: with what is recommended.
    wanted = " ".join((*needed(), *MORE))
    fetch = f'chroot "$1" apt-get -qq -y --download-only install {wanted}'
    keep = f'cp "$1"/var/cache/apt/archives/*.deb {archive}'
    included = (*BASE, *RUNTIME, *needed()) if runtime else BASE
    hooks = [f"--customize-hook={one}" for one in (fetch, keep)]
    bootstrap(folder, root, included, suite, hooks)
    _index(archive, suite)
    bootable(root, out / "root.img")


def bootable(root: pathlib.Path, disk: pathlib.Path) -> None:
    """Make of a Debian in a folder the disk of a box that the lab can ask."""
    for modules in glob.glob("/usr/lib/uml/modules/*"):
        place = root / "usr" / "lib" / "modules" / pathlib.Path(modules).name
        shutil.copytree(modules, place)
        run(["chroot", str(root), "depmod", place.name])
    _set_up(root)
    with disk.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-U", "random", "-d", str(root), str(disk)])


def _index(archive: pathlib.Path, suite: str) -> None:
    """Make of packages what apt takes as a (flat) repository."""
    (archive / "Packages").write_text(output(["apt-ftparchive", "packages", "."], archive))
    origin = [
        f"APT::FTPArchive::Release::{name}={value}"
        for name, value in (("Origin", "Debian"), ("Codename", suite), ("Label", "Debian"))
    ]
    words = [word for one in origin for word in ("-o", one)]
    (archive / "Release").write_text(output(["apt-ftparchive", *words, "release", "."], archive))


def _set_up(root: pathlib.Path) -> None:
    system = root / "etc" / "systemd" / "system"
    (root / "etc" / "fstab").write_text("")
    (root / "etc" / "machine-id").write_text("")
    for of_this_machine in ("hostname", "resolv.conf", "hosts"):
        (root / "etc" / of_this_machine).unlink(missing_ok=True)
    (root / "etc" / "hosts").write_text(
        "127.0.0.1 localhost\n127.0.1.1 box-1 box-2\n::1 localhost\n"
    )
    for sources in ("sources.list", "sources.list.d/*"):
        for place in (root / "etc" / "apt").glob(sources):
            place.unlink()
    for old in (root / "var" / "lib" / "apt" / "lists").glob("*_*"):
        old.unlink()
    # How this machine fetches, and what of a package is not to be unpacked, was for the build alone.
    for left in ("apt/apt.conf.d", "dpkg/dpkg.cfg.d"):
        (root / "etc" / left / "99mmdebstrap").unlink(missing_ok=True)
    (root / "sbin" / "lab-init").write_text(_INIT)
    (root / "sbin" / "lab-init").chmod(0o755)
    line = root / "usr" / "lib" / "lab" / "line"
    line.parent.mkdir()
    line.write_text(_LINE_SCRIPT)
    (system / "lab-line.service").write_text(_LINE)
    (system / "lab-network.service").write_text(_NETWORK)
    coldplug = system / "systemd-udev-trigger.service.d" / "lab.conf"
    coldplug.parent.mkdir()
    coldplug.write_text(_COLDPLUG)
    generators = root / "etc" / "systemd" / "system-generators"
    generators.mkdir(exist_ok=True)
    for name in _GENERATORS:
        (generators / name).symlink_to("/dev/null")
    unit = ["chroot", str(root), "systemctl", "-q"]
    run([*unit, "enable", "lab-line.service", "lab-network.service"])
    run([*unit, "mask", *_NOT_NEEDED])
