"""Puts on this machine what the project needs, and is quick when it is there already.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import TextIO

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
OLD_PAHO = CACHE / "paho-1.6.1"
LOCK = ROOT / "packaging" / "lock" / "dev.txt"

PACKAGES = {
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "podman": "podman",
    "runc": "runc",
    "busybox": "busybox-static",
    "iptables": "iptables",
    "git": "git",
}
"""Programs, and the Debian packages that bring them."""

FOLDERS = {
    "/usr/lib/cni": "containernetworking-plugins",
    "/usr/share/misc/pci.ids": "pci.ids",
}

DEB_PACKAGES = {
    "dpkg-buildpackage": "dpkg-dev",
    "make": "make",
    "dh": "debhelper",
    "dh_python3": "dh-python",
    "dh_apparmor": "dh-apparmor",
    "apt-ftparchive": "apt-utils",
    "gpg": "gnupg",
}
"""What `./dev deb` needs besides."""

WHOLE_BOXES = {
    "linux.uml": "user-mode-linux",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "ip": "iproute2",
    "docker-registry": "docker-registry",
}
"""What boxes in user-mode-linux need."""

TEST_PACKAGES = {
    **DEB_PACKAGES,
    **WHOLE_BOXES,
    "lintian": "lintian",
    "apparmor_parser": "apparmor",
    "systemd-analyze": "systemd",
    "groff": "groff",
    "zsh": "zsh",
    "fish": "fish",
    "dockerd": "docker.io",
    "containerd": "containerd",
}
TEST_FOLDERS = {
    # Debian starts a server of its own with it; the tests start another, and leave that one alone.
    "/usr/lib/postgresql": "postgresql",
}
"""What the tests alone need: who only wants to see the demo gets no second runtime, no database."""

LAB_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "swtpm": "swtpm",
}
"""What `./dev lab` needs besides."""

IMAGE_PACKAGES = {"mmdebstrap": "mmdebstrap"}
"""What `./dev image` needs besides, to make a base."""

RUNTIMES_PACKAGES = {"mmdebstrap": "mmdebstrap", "nsenter": "util-linux", "gcc": "gcc"}
SECCOMP = "/usr/include/seccomp.h"
"""What `./dev runtimes` needs besides."""

DEBIAN_PYTHON = {
    "paho": "python3-paho-mqtt",
    "psutil": "python3-psutil",
    "msgpack": "python3-msgpack",
    "pyudev": "python3-pyudev",
    "tenacity": "python3-tenacity",
    "nacl": "python3-nacl",
    "cryptography": "python3-cryptography",
    "cpuinfo": "python3-cpuinfo",
    "pytest": "python3-pytest",
    "hypothesis": "python3-hypothesis",
}
"""What the agent imports, as Debian packages it: with these its memory is measured."""

SYSTEM_PYTHON = "/usr/bin/python3"


def say(text: str) -> None:
    """Tell the person what is being done, apart from any output."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def install_all(*, tests: bool) -> None:
    """Install what is missing: Debian packages (`tests`: theirs too), then the environment."""
    if sys.version_info < (3, 11):  # noqa: UP036 - nothing has checked it before
        sys.exit(f"dev: Python 3.11 or later is needed, this is {sys.version.split()[0]}")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "dev.lock").open("w") as lock:
        _take(lock)
        _install_packages(_missing_packages(tests=tests))
        _make_venv()


def install_lab() -> None:
    """Install what the QEMU machine needs."""
    _install_programs(LAB_PACKAGES)


def install_deb() -> None:
    """Install what the package of a box is built with."""
    _install_programs(DEB_PACKAGES)


def install_soak() -> None:
    """Install what boxes in user-mode-linux need."""
    _install_programs(WHOLE_BOXES)


def install_image() -> None:
    """Install what makes the base of the hub's image."""
    _install_programs(IMAGE_PACKAGES)


def install_runtimes() -> None:
    """Install what other versions of the runtimes are made with."""
    _install_programs(RUNTIMES_PACKAGES)
    if not os.path.exists(SECCOMP):
        _install_packages(["libseccomp-dev"])


def _install_programs(programs: Mapping[str, str]) -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    _install_packages([p for name, p in programs.items() if not shutil.which(name, path=path)])


def _take(lock: TextIO) -> None:
    """Let one at a time install; the others wait, and then find everything there."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another ./dev is installing: waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def sudo(purpose: str) -> list[str]:
    """Return what makes a command root's; nothing for root. Ends the program where it cannot be."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        sys.exit(f"dev: only root may {purpose}, and there is no sudo here: run ./dev as root")
    say(f"asking sudo: only root may {purpose}")
    return ["sudo"]


def _missing_packages(*, tests: bool) -> list[str]:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    programs = PACKAGES | TEST_PACKAGES if tests else PACKAGES
    folders = FOLDERS | TEST_FOLDERS if tests else FOLDERS
    missing = [package for name, package in programs.items() if not shutil.which(name, path=path)]
    missing += [package for place, package in folders.items() if not os.path.exists(place)]
    if not os.path.exists(SYSTEM_PYTHON):
        missing.append("python3")
    if not _has_modules(["venv", "ensurepip"]):
        missing.append("python3-venv")
    if not _has_modules(list(DEBIAN_PYTHON)):
        missing += [package for name, package in DEBIAN_PYTHON.items() if not _has_modules([name])]
    return missing


def _has_modules(names: list[str]) -> bool:
    code = (
        "import importlib.util as u, sys; "
        "sys.exit(any(u.find_spec(name) is None for name in sys.argv[1:]))"
    )
    if not os.path.exists(SYSTEM_PYTHON):
        return False
    return subprocess.run([SYSTEM_PYTHON, "-c", code, *names], check=False).returncode == 0


def _install_packages(packages: list[str]) -> None:
    if not packages:
        return
    if not shutil.which("apt-get"):
        sys.exit(f"dev: please install {', '.join(packages)}: there is no apt-get here to do it")
    say(f"installing {', '.join(packages)} with apt-get")
    apt = [*sudo("install packages"), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    # Where the lists cannot be fetched, those of before may do.
    subprocess.run([*apt, "update"], check=False, stdout=subprocess.DEVNULL)
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    done = subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"dev: {' '.join(install)} failed with status {done.returncode}")


def try_programs(programs: Mapping[str, str]) -> None:
    """Install what is missing of these programs (by name, their packages), and go on without.

    For what is only compared with: an architecture, or a machine without network, lacks some.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for name, package in programs.items():
        if shutil.which(name, path=path):
            continue
        try:
            _install_packages([package])
        except SystemExit as error:
            say(f"going on without {name}: {error}")


def _make_venv() -> None:
    """Make the virtual environment from the locked packages, unless it is the same already."""
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    wanted = f"{VENV}\n{digest}\n"
    stamp = VENV / "installed"
    found = stamp.read_text() if stamp.exists() else ""
    if found == wanted:
        return
    say("making the virtual environment .venv from packaging/lock/dev.txt (about a minute)")
    python = VENV / "bin" / "python"
    # None yet, one that was broken off, or a checkout that was moved: programs name their folder.
    if not found.startswith(f"{VENV}\n"):
        remove_environment(VENV)
        _or_end([SYSTEM_PYTHON, "-m", "venv", str(VENV)])
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _or_end([*pip, "--require-hashes", "-r", str(LOCK)])
    _or_end([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    stamp.write_text(wanted)


def remove_environment(venv: pathlib.Path) -> None:
    """Remove an environment; of a symbolic link the link alone, for its target is another's."""
    if venv.is_symlink():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)


def _or_end(command: list[str]) -> None:
    """Run a command; end the program, with its words, where it fails."""
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(f"dev: {' '.join(command)} failed with status {status}")


def old_paho() -> pathlib.Path:
    """Return a folder with paho-mqtt 1.6.1, the version of Debian 12, whatever this machine has."""
    if not OLD_PAHO.exists():
        say("fetching paho-mqtt 1.6.1 to test against")
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
        lock = ROOT / "packaging" / "lock" / "paho-1.txt"
        beside = OLD_PAHO.with_suffix(".new")
        target = ["--no-build-isolation", "--target", str(beside)]
        _or_end([*pip, "--require-hashes", "-r", str(lock), *target])
        beside.rename(OLD_PAHO)
    return OLD_PAHO
