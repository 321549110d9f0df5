"""Builds the package of a box, skerry-agent_VERSION_all.deb, from this checkout.

Twice where asked, under other circumstances, to see that the same bytes come out.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

from lab.debian import output
from lab.install import ROOT
from lab.processes import LabError

PACKAGE = "skerry-agent"
FOLDERS = ("agent", "docs", "packaging", "systemd", "wire")
"""What of the checkout goes into a source package."""
OTHER_CIRCUMSTANCES = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "COLUMNS": "60", "HOME": "/nonexistent"}
"""For a second build: what must leave no trace."""
BUILD = ("dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps")
MAINTAINER = "Skerry maintainers <maintainers@skerry.invalid>"


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """What is built: its version as Debian writes it, and when it was made (seconds of 1970)."""

    text: str
    epoch: int


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """A package that was built."""

    path: pathlib.Path
    sha256: str
    size_bytes: int
    installed_kib: int


def version(root: pathlib.Path = ROOT, environment: Mapping[str, str] = os.environ) -> Version:
    """Return the version of a checkout.

    It is that of the code where the commit has its tag, else one before it, by the commit. Raises
    LabError where there is neither git nor SOURCE_DATE_EPOCH.
    """
    text = (root / "wire/skerry_wire/__init__.py").read_text()
    found = re.search(r'^__version__ = "([0-9.]+)"$', text, re.M)
    if found is None:
        raise LabError("wire/skerry_wire/__init__.py: there is no __version__ of digits and dots")
    released = found[1]
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
    try:
        told = output([*git, "log", "-1", "--format=%ct %h", "--abbrev=8"]).split()
    except LabError as error:
        given = environment.get("SOURCE_DATE_EPOCH", "")
        if not given.isdecimal():
            raise LabError(f"this is no git checkout, and SOURCE_DATE_EPOCH is not set: {error}"
                           ) from None  # fmt: skip
        return Version(released, int(given))
    epoch = int(told[0])
    tags = output([*git, "tag", "--points-at", "HEAD"]).split()
    changed = output([*git, "status", "--porcelain", "--untracked-files=no"]).strip()
    if f"v{released}" in tags and not changed:
        return Version(released, epoch)
    moment = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    text = f"{released}~git{moment:%Y%m%d.%H%M%S}.{told[1]}"
    return Version(f"{text}.changed" if changed else text, epoch)


def later_than(wanted: Version) -> Version:
    """Return a version that is higher, for trials of upgrades."""
    return Version(f"{wanted.text}.1", wanted.epoch + 60)


def build(folder: pathlib.Path, wanted: Version, circumstances: Mapping[str, str] | None = None
          ) -> Built:  # fmt: skip
    """Build the package in a temporary folder and move it to `folder`. Raises LabError."""
    missing = [name for name in ("dh", "dh_python3", "dh_apparmor") if not shutil.which(name)]
    if missing:
        raise LabError(f"not installed: {', '.join(missing)} (apt-get install debhelper dh-python "
                       "dh-apparmor)")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="deb-") as name:
        source = pathlib.Path(name) / f"skerry-{wanted.text}"
        lay_out(source, wanted)
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",  # never the programs of an environment
            "LC_ALL": "C.UTF-8",
            "DEB_BUILD_OPTIONS": "nocheck",
            **(circumstances or {}),
        }
        done = subprocess.run(
            BUILD, cwd=source, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            raise LabError(f"{' '.join(BUILD)} failed with status {done.returncode}:\n{said}")
        folder.mkdir(parents=True, exist_ok=True)
        for made in pathlib.Path(name).glob("skerry*_*.*"):
            shutil.copy(made, folder)
    return looked_at(folder / f"{PACKAGE}_{wanted.text}_all.deb")


def build_twice(folder: pathlib.Path, wanted: Version) -> tuple[Built, Built]:
    """Build it, and again in another place, time zone and locale; return both."""
    first = build(folder, wanted)
    with tempfile.TemporaryDirectory(prefix="deb-again-") as name:
        umask = os.umask(0o027)
        try:
            second = build(pathlib.Path(name), wanted, OTHER_CIRCUMSTANCES)
        finally:
            os.umask(umask)
    return first, second


def lay_out(source: pathlib.Path, wanted: Version, root: pathlib.Path = ROOT) -> None:
    """Write the source package's tree: what git knows of the checkout, as it is now."""
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
    try:
        listed = output([*git, "ls-files", "-co", "--exclude-standard", "-z", *FOLDERS])
        names = [pathlib.PurePath(name) for name in listed.split("\0") if name]
    except LabError:
        names = [
            path.relative_to(root)
            for folder in FOLDERS
            for path in (root / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
    for name in names:
        if not (root / name).is_file():
            continue  # removed, and not committed yet
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, place)
    shutil.move(source / "packaging" / "debian", source / "debian")
    moment = datetime.datetime.fromtimestamp(wanted.epoch, datetime.UTC)
    (source / "debian" / "changelog").write_text(
        f"skerry ({wanted.text}) unstable; urgency=medium\n\n"
        "  * What is new: see CHANGELOG.md of this version.\n\n"
        f" -- {MAINTAINER}  {moment:%a, %d %b %Y %H:%M:%S} +0000\n"
    )


def looked_at(path: pathlib.Path) -> Built:
    """Return what a package is."""
    installed = output(["dpkg-deb", "--field", str(path), "Installed-Size"])
    data = path.read_bytes()
    return Built(path, hashlib.sha256(data).hexdigest(), len(data), int(installed))
