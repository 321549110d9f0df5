"""Builds a real kubelet once, from the published Go module, and keeps it outside the repository.

    python packaging/lab/kubelet_build.py

It takes some minutes and a Go toolchain; tests use the program where it is and are skipped where it
is not. Kubernetes' own staged modules are pinned to the versions that were published with it.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

VERSION = "34.4"
"""Kubernetes 1.34.4: it still starts on a machine whose cgroups are of version 1."""

FOLDER = pathlib.Path("/var/cache/skerry-lab")
PROGRAM = FOLDER / f"kubelet-1.{VERSION}"
MODULE = "k8s.io/kubernetes"


def build() -> None:
    """Make the program, unless it is there. Raises CalledProcessError with Go's own words shown."""
    if PROGRAM.exists():
        return
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        sys.exit("kubelet_build: a Go toolchain is needed: apt-get install golang-go")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # Its own go.mod, which says what its staged modules are, comes with the module alone.
        (folder / "go.mod").write_text("module lab\n")
        source = _go(go, folder, "mod", "download", "-json", f"{MODULE}@v1.{VERSION}")
        found = re.search(r'"GoMod": "([^"]+)"', source)
        assert found is not None
        (folder / "go.mod").write_text(go_mod(pathlib.Path(found[1]).read_text()))
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = folder / "kubelet"
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion=v1.{VERSION}"
        _go(go, folder, "build", "-mod=mod", "-trimpath", "-ldflags", flags, "-o", str(made),
            f"{MODULE}/cmd/kubelet")  # fmt: skip
        aside = PROGRAM.with_suffix(".new")
        shutil.copy(made, aside)
        aside.replace(PROGRAM)


def go_mod(published: str) -> str:
    """Return the go.mod of a module that requires Kubernetes, from Kubernetes' own."""
    required = dict(re.findall(r"^\s+(\S+) (v\S+)", published, re.MULTILINE))
    staged = [name for name, version in required.items() if version == "v0.0.0"]
    pinned = {name: f"v0.{VERSION}" if name in staged else required[name] for name in required}
    go = re.search(r"^go (\S+)", published, re.MULTILINE)
    assert go is not None
    lines = ["module lab", f"go {go[1]}", "require (", f"\t{MODULE} v1.{VERSION}"]
    lines += [f"\t{name} {version}" for name, version in pinned.items()]
    lines += [")", "replace (", *(f"\t{name} => {name} {pinned[name]}" for name in staged), ")"]
    return "\n".join(lines) + "\n"


def _go(go: str, folder: pathlib.Path, *words: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [go, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    build()
    print(PROGRAM)
