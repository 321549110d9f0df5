"""Puts on this machine what the project needs, and is quick when it is there already.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLD_PAHO = ROOT / ".cache" / "paho-1.6.1"
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

FOLDERS = {"/usr/lib/cni": "containernetworking-plugins", "/usr/share/misc/pci.ids": "pci.ids"}

DEBIAN_PYTHON = {
    "paho": "python3-paho-mqtt",
    "psutil": "python3-psutil",
    "msgpack": "python3-msgpack",
    "pyudev": "python3-pyudev",
    "tenacity": "python3-tenacity",
    "nacl": "python3-nacl",
    "cpuinfo": "python3-cpuinfo",
    "pytest": "python3-pytest",
    "hypothesis": "python3-hypothesis",
}
"""What the agent imports, as Debian packages it: with these its memory is measured."""

SYSTEM_PYTHON = "/usr/bin/python3"


def say(text: str) -> None:
    """Tell the person what is being done, apart from any output."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def install_all() -> None:
    """Install what is missing: Debian packages, then the virtual environment."""
    _install_packages(_missing_packages())
    _make_venv()


def _missing_packages() -> list[str]:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [package for name, package in PACKAGES.items() if not shutil.which(name, path=path)]
    missing += [package for place, package in FOLDERS.items() if not os.path.exists(place)]
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
    root = [] if os.geteuid() == 0 else ["sudo"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        done = subprocess.run([*root, *command], env=quiet, check=False, stdout=subprocess.DEVNULL)
        if done.returncode and "install" in command:
            sys.exit(f"dev: {' '.join(command)} failed with status {done.returncode}")


def _make_venv() -> None:
    """Make the virtual environment from the locked packages, unless it is the same already."""
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("making the virtual environment .venv from packaging/lock/dev.txt (about a minute)")
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([SYSTEM_PYTHON, "-m", "venv", str(VENV)], check=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    stamp.write_text(wanted)


def old_paho() -> pathlib.Path:
    """Return a folder with paho-mqtt 1.6.1, the version of Debian 12, whatever this machine has."""
    if not OLD_PAHO.exists():
        say("fetching paho-mqtt 1.6.1 to test against")
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
        lock = ROOT / "packaging" / "lock" / "paho-1.txt"
        beside = OLD_PAHO.with_suffix(".new")
        target = ["--no-build-isolation", "--target", str(beside)]
        subprocess.run([*pip, "--require-hashes", "-r", str(lock), *target], check=True)
        beside.rename(OLD_PAHO)
    return OLD_PAHO
