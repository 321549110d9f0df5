"""Builds programs of published Go modules, once, and keeps them outside the repository."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from lab.processes import LabError


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoPrograms:
    """Programs of a module.

    `packages` are their folders in it (with a slash before), `requirements` the file that says what it requires, `flags`
    the linker's, `has_c` whether a part of it is C. `staged`: the version of modules that it requires as v0.0.0, its own parts.
    """

    module: str
    version: str
    packages: tuple[str, ...]
    requirements: str = "go.mod"
    flags: str = ""
    tags: str = ""
    has_c: bool = False
    staged: str = "v0.0.0"


def build(programs: GoPrograms, into: pathlib.Path) -> None:
    """Make a folder of the programs, unless it is there. Raises LabError; Go's words are shown."""
    if into.exists():
        return
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        raise LabError("a Go toolchain is needed: apt-get install golang-go")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as name:
        folder = pathlib.Path(name)
        # What it requires comes with the module alone.
        (folder / "go.mod").write_text("module lab\n")
        told = _go(go, folder, "mod", "download", "-json", f"{programs.module}@{programs.version}")
        found = re.search(r'"Dir": "([^"]+)"', told)
        assert found is not None
        published = pathlib.Path(found[1], programs.requirements).read_text()
        (folder / "go.mod").write_text(go_mod(programs, published))
        made = folder / "made"
        made.mkdir()
        words = ["-trimpath", "-tags", programs.tags, "-ldflags", f"-s -w {programs.flags}"]
        sources = [f"{programs.module}{package}" for package in programs.packages]
        _go(go, folder, "build", *words, "-o", f"{made}/", *sources, has_c=programs.has_c)
        made.rename(into)


def go_mod(programs: GoPrograms, published: str) -> str:
    """Return the go.mod of a module that requires this one, and what `published` requires."""
    required = dict(re.findall(r"^\s+(\S+) (v\S+)", published, re.MULTILINE))
    staged = [name for name, version in required.items() if version == "v0.0.0"]
    pinned = {name: programs.staged if name in staged else required[name] for name in required}
    go = re.search(r"^go (\S+)", published, re.MULTILINE)
    assert go is not None
    lines = ["module lab", f"go {go[1]}", "require (", f"\t{programs.module} {programs.version}"]
    lines += [f"\t{name} {version}" for name, version in pinned.items()]
    lines += [")", "replace (", *(f"\t{name} => {name} {pinned[name]}" for name in staged), ")"]
    return "\n".join(lines) + "\n"


def _go(go: str, folder: pathlib.Path, *words: str, has_c: bool = False) -> str:
    environment = {**os.environ, "CGO_ENABLED": str(int(has_c)), "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [go, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"go {words[0]} of {words[-1]} failed with status {done.returncode}")
    return done.stdout
