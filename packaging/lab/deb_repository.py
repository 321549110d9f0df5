"""A signed apt repository in a folder, which any web server can publish as it is.

A client that comes in the middle of a change is served: index files are found by their digest, and
the signed list of them is replaced last, as one file.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence

from lab.debian import output, run
from lab.processes import LabError

SUITE = "stable"
COMPONENT = "main"
ARCHITECTURES = ("amd64", "arm64", "armel", "armhf", "i386", "ppc64el", "riscv64", "s390x")
"""Of the boxes. The packages are for all; an index for each keeps every apt from asking why not."""
KEY_NAME = "Skerry packages"
KEYRING = "skerry.asc"
SNIPPET = """\
Types: deb
URIs: {url}
Suites: {suite}
Components: {component}
Signed-By: /etc/apt/keyrings/{keyring}
"""
PRINTED = """\
repository: {folder}
secret key: {key} (keep it; who has it can have boxes install anything)
On a box, as root:
  install -D -m 644 {keyring} /etc/apt/keyrings/{keyring}    # from {url}/{keyring}, checked
  install -m 644 skerry.sources /etc/apt/sources.list.d/skerry.sources
fingerprint: {fingerprint}
skerry.sources:
{snippet}"""


def add(
    folder: pathlib.Path, packages: Sequence[pathlib.Path], key: pathlib.Path, url: str, now: float
) -> str:
    """Put packages into the repository and sign it anew; return what to do on a box.

    `now` is the moment that the index names: a client takes none that is older than what it has. Raises LabError.
    """
    if key.resolve().is_relative_to(folder.resolve()):
        raise LabError(f"--key {key}: a secret key must not lie in what is published")
    pool = folder / "pool" / COMPONENT / "skerry"
    pool.mkdir(parents=True, exist_ok=True)
    for package in packages:
        place = pool / package.name
        if place.exists() and place.read_bytes() != package.read_bytes():
            raise LabError(f"{place}: this version is there already, and not the same")
        shutil.copy(package, place)
    with keyring(key) as home:
        index(folder)
        fingerprint = sign(folder, home, now)
        (folder / KEYRING).write_bytes(_gpg(home, "--armor", "--export", fingerprint))
    snippet = SNIPPET.format(url=url, suite=SUITE, component=COMPONENT, keyring=KEYRING)
    (folder / "skerry.sources").write_text(snippet)
    return PRINTED.format(
        folder=folder, key=key, url=url, keyring=KEYRING, fingerprint=fingerprint, snippet=snippet
    )


def index(folder: pathlib.Path) -> None:
    """Write the list of packages for each architecture, also under its digest."""
    listed = subprocess.run(
        ["apt-ftparchive", "packages", "pool"], cwd=folder, capture_output=True, check=False
    )
    if listed.returncode:
        raise LabError(f"apt-ftparchive: {listed.stderr.decode(errors='replace').strip()}")
    forms = {
        "Packages": listed.stdout,
        "Packages.gz": gzip.compress(listed.stdout, mtime=0),
        "Packages.xz": lzma.compress(listed.stdout),
    }
    for architecture in ARCHITECTURES:
        place = folder / "dists" / SUITE / COMPONENT / f"binary-{architecture}"
        by_digest = place / "by-hash" / "SHA256"
        by_digest.mkdir(parents=True, exist_ok=True)
        for name, content in forms.items():
            (by_digest / hashlib.sha256(content).hexdigest()).write_bytes(content)
            _replace(place / name, content)


def sign(folder: pathlib.Path, home: pathlib.Path, now: float) -> str:
    """Write the signed list of the indexes; return the fingerprint of the key."""
    suite = folder / "dists" / SUITE
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    rows = []
    for architecture in ARCHITECTURES:
        for path in sorted((suite / COMPONENT / f"binary-{architecture}").glob("Packages*")):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            rows.append(f" {digest} {len(content)} {path.relative_to(suite)}")
    release = "\n".join(
        (
            "Origin: Skerry",
            "Label: Skerry",
            f"Suite: {SUITE}",
            f"Codename: {SUITE}",
            f"Date: {moment:%a, %d %b %Y %H:%M:%S} UTC",
            f"Architectures: all {' '.join(ARCHITECTURES)}",
            f"Components: {COMPONENT}",
            "Description: Skerry for boxes at the edge",
            "Acquire-By-Hash: yes",
            "No-Support-for-Architecture-all: Packages",
            "SHA256:",
            *rows,
            "",
        )
    ).encode()
    for name, options in (
        ("Release.gpg", ("--armor", "--detach-sign")),
        ("InRelease", ("--clear-sign",)),
    ):
        signed = _gpg(home, "--digest-algo", "SHA512", *options, data=release)
        if name == "Release.gpg":
            _replace(suite / "Release", release)
        _replace(suite / name, signed)
    return _fingerprint(home)


@contextlib.contextmanager
def keyring(key: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a folder of gpg's that has the secret key alone; it is made where there is none."""
    # Short: a socket of gpg's own lies in it.
    with tempfile.TemporaryDirectory(prefix="gpg-") as name:
        home = pathlib.Path(name)
        home.chmod(0o700)
        try:
            if key.exists():
                run([*_words(home), "--import", str(key)])
            else:
                made = [*_words(home), "--passphrase", "", "--quick-gen-key", KEY_NAME]
                run([*made, "ed25519", "sign", "never"])
                key.parent.mkdir(parents=True, exist_ok=True)
                secret = _gpg(home, "--armor", "--export-secret-keys")
                with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secret)
            yield home
        finally:
            subprocess.run(
                ["gpgconf", "--homedir", name, "--kill", "all"], capture_output=True, check=False
            )


def _fingerprint(home: pathlib.Path) -> str:
    told = output([*_words(home), "--with-colons", "--list-secret-keys"])
    return next(line.split(":")[9] for line in told.splitlines() if line.startswith("fpr:"))


def _words(home: pathlib.Path) -> list[str]:
    return ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet"]


def _gpg(home: pathlib.Path, *options: str, data: bytes = b"") -> bytes:
    done = subprocess.run([*_words(home), *options], input=data, capture_output=True, check=False)
    if done.returncode:
        raise LabError(f"gpg {' '.join(options)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _replace(path: pathlib.Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
