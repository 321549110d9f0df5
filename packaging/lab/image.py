"""Builds the hub's image with podman, and says what is in it.

Where no registry is reached, on a base that is made here of Debian's own packages.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from lab import debian, image_sbom
from lab.install import CACHE, ROOT, say
from lab.processes import LabError

NAME = "localhost/skerry-hub"
SUITE = "trixie"
BASE = f"localhost/skerry-debian-base:{SUITE}"
BASE_PACKAGES = ("ca-certificates",)
CONTAINERFILE = ROOT / "packaging" / "hub" / "Containerfile"
_CAREFUL = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=1024:1024"]
[engine]
runtime = "runc"
"""
"""For machines on which podman's own defaults cannot start a container."""


class Builder:
    """podman, with the machine's own store or one in a folder."""

    def __init__(self, store: pathlib.Path | None = None) -> None:
        """Find the settings with which it starts a container here, at the first build."""
        self._store = store
        self._environment: dict[str, str] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what podman is to have in its environment here."""
        return self._environment

    def words(self) -> list[str]:
        """Return podman's command line, up to its command."""
        if self._store is None:
            return ["podman"]
        store = self._store
        apart = [*("--root", f"{store}/root"), *("--runroot", f"{store}/run")]
        return ["podman", *apart, "--tmpdir", f"{store}/tmp"]

    def run(self, *words: str, check: bool = True) -> str:
        """Run podman; return what it prints. Raises LabError, with what it said."""
        done = subprocess.run(
            [*self.words(), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self._environment},
        )
        if check and done.returncode:
            said = (done.stderr + done.stdout).strip()[-3000:]
            raise LabError(f"podman {words[0]} failed with status {done.returncode}:\n{said}")
        return done.stdout

    def careful(self, folder: pathlib.Path) -> None:
        """Use settings that work on machines where its own defaults start nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / "containers.conf"
        place.write_text(_CAREFUL)
        self.set_configuration(place)

    def set_configuration(self, place: pathlib.Path) -> None:
        """Have podman read this file instead of the machine's."""
        self._environment["CONTAINERS_CONF"] = str(place)

    def has(self, image: str) -> bool:
        """Say whether it has an image."""
        words = [*self.words(), "image", "exists", image]
        return subprocess.run(words, check=False, env=self._whole()).returncode == 0

    def _whole(self) -> dict[str, str]:
        return {**os.environ, **self._environment}

    @contextlib.contextmanager
    def files_of(self, image: str) -> Iterator[pathlib.Path]:
        """Give the folder of an image's files, to read."""
        place = self.run("image", "mount", image).strip()
        try:
            yield pathlib.Path(place)
        finally:
            self.run("image", "unmount", image)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """The image. `packed_mib` is what is fetched where it is fetched from a registry."""

    name: str
    version: str
    size_mib: float
    packed_mib: float
    sbom: pathlib.Path
    debian_packages: int
    python_packages: int


def make_base(builder: Builder) -> str:
    """Make a Debian of its own packages alone, once; return the image's name."""
    if builder.has(BASE):
        return BASE
    if os.geteuid() != 0:
        raise LabError("only root may make a base here; name one with --base")
    say(f"making a base of Debian's packages ({SUITE}; half a minute)")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = pathlib.Path(name)
        debian.bootstrap(folder, folder / "root", BASE_PACKAGES, SUITE)
        packed = folder / "base.tar"
        without = ("./dev/*", "./var/lib/apt/lists/*", "./var/cache/apt/*")
        tar = ["tar", "-C", str(folder / "root"), "--numeric-owner", "-cf", str(packed)]
        debian.run([*tar, *(f"--exclude={one}" for one in without), "."])
        builder.run("import", "--quiet", str(packed), BASE)
    return BASE


def build(
    builder: Builder,
    base: str,
    out: pathlib.Path,
    name: str = NAME,
    containerfile: pathlib.Path = CONTAINERFILE,
) -> Made:
    """Build the hub's image from the checkout, and write its bill of materials."""
    version, made_at = _version(), _made_at()
    with tempfile.TemporaryDirectory() as folder:
        words = [*build_words(pathlib.Path(folder)), "-f", str(containerfile)]
        words += ["--build-arg", f"BASE={base}", "--build-arg", f"VERSION={version}"]
        words += ["--build-arg", f"REVISION={_revision()}"]
        words += ["--timestamp", str(int(made_at.timestamp()))]
        words += ["-t", f"{name}:{version}", "-t", f"{name}:latest", str(ROOT)]
        try:
            builder.run(*words)
        except LabError:
            if builder.environment:
                raise
            builder.careful(pathlib.Path(folder))
            builder.run(*words)
            builder.careful(CACHE / "podman")
    return described(builder, name, version, out)


def described(builder: Builder, name: str, tag: str, out: pathlib.Path) -> Made:
    """Write the bill of materials of an image that is built; return what it is."""
    version, made_at = _version(), _made_at()
    image = f"{name}:{tag}"
    out.mkdir(parents=True, exist_ok=True)
    sbom = out / f"skerry-hub-{version}.cdx.json"
    about = image_sbom.Image(name=name, version=version, made_at=made_at)
    with builder.files_of(image) as root:
        sbom.write_text(image_sbom.document(root, about))
        counts = len(image_sbom.debian_packages(root)), len(image_sbom.python_packages(root))
    size = int(builder.run("image", "inspect", "--format", "{{.Size}}", image))
    return Made(
        name=name,
        version=version,
        size_mib=size / 2**20,
        packed_mib=_packed_mib(builder, image),
        sbom=sbom,
        debian_packages=counts[0],
        python_packages=counts[1],
    )


def build_words(folder: pathlib.Path) -> list[str]:
    """Return podman's words for a build that has this machine's own way to packages.

    The folder must be there as long as it builds.
    """
    return ["build", "--format", "docker", "--network=host", *_secrets(folder)]


def _packed_mib(builder: Builder, image: str) -> float:
    """Return the size as a registry would have it: each layer compressed."""
    saving = [*builder.words(), "image", "save", "--format", "oci-archive", image]
    with subprocess.Popen(
        saving, stdout=subprocess.PIPE, env={**os.environ, **builder.environment}
    ) as saved:
        assert saved.stdout is not None
        size = 0
        while piece := saved.stdout.read(2**20):
            size += len(piece)
    return size / 2**20


def _secrets(folder: pathlib.Path) -> list[str]:
    """Return how the build has this machine's own way to packages, without keeping it."""
    text, authority = way_to_packages()
    if not text:
        return []
    (folder / "pip.conf").write_text(text)
    given = ["--secret", f"id=pip.conf,src={folder / 'pip.conf'}"]
    return given if authority is None else [*given, "--secret", f"id=ca.pem,src={authority}"]


def way_to_packages() -> tuple[str, pathlib.Path | None]:
    """Return pip's settings of this machine for a root of its own, "" where it has none.

    With them who vouches for where they lead, to be put there as /run/ca.pem.
    """
    listed = debian.output(["python3", "-m", "pip", "config", "list"])
    settings = dict(re.findall(r"^(?:global|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE))
    taken = ("index-url", "extra-index-url", "trusted-host", "proxy")
    lines = [f"{one} = {settings[one]}" for one in taken if one in settings]
    found = pathlib.Path(settings["cert"]) if "cert" in settings else None
    authority = found if found is not None and found.exists() else None
    if authority is not None:
        lines.append("cert = /run/ca.pem")
    return "\n".join(["[global]", *lines, ""]) if lines else "", authority


def _version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', _text("wire/skerry_wire/__init__.py"))
    if found is None:
        raise LabError("wire/skerry_wire/__init__.py names no version")
    return found[1]


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def _git(*words: str) -> str | None:
    command: Sequence[str] = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()


def _revision() -> str:
    return _git("rev-parse", "HEAD") or "unknown"


def _made_at() -> datetime.datetime:
    """Return when the sources were changed last: the same sources have the same time."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct") or "0"
    return datetime.datetime.fromtimestamp(int(given), datetime.UTC)
