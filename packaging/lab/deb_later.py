"""A later version of a package that was built: the same code under a higher number, in a second.

For trials of upgrades, of which each needs one. It differs as two versions do: its modules have
another folder and another `__version__`, its programs name that folder.
"""

from __future__ import annotations

import hashlib
import pathlib
import re
import tempfile

from lab.debian import output, run
from lab.processes import LabError

LIBRARY = "usr/share/skerry-agent"
PROGRAMS = ("usr/bin/skerry-agent", "usr/bin/skerry-executor")


def later(
    package: pathlib.Path, number: int, folder: pathlib.Path, *, with_policy: bool = False
) -> tuple[pathlib.Path, str]:
    """Write the package as version +NUMBER to `folder`; return where, and the code's version.

    `with_policy`: it brings another policy.toml, too, which most boxes have changed.
    """
    was = output(["dpkg-deb", "--field", str(package), "Version"]).strip()
    wanted = f"{was}+{number}"
    with tempfile.TemporaryDirectory(prefix="later-") as name:
        root = pathlib.Path(name) / "root"
        run(["dpkg-deb", "--raw-extract", str(package), str(root)])
        _substitute(root / "DEBIAN" / "control", f"Version: {was}\n", f"Version: {wanted}\n")
        (root / LIBRARY / was).rename(root / LIBRARY / wanted)
        for program in PROGRAMS:
            _substitute(root / program, f'"{was}"', f'"{wanted}"')
        code = root / LIBRARY / wanted / "skerry_wire" / "__init__.py"
        found = re.search(r'^__version__ = "([0-9.]+)"$', code.read_text(), re.M)
        if found is None:
            raise LabError(f"{package}: {code.name} has no __version__")
        version = f"{found[1]}.{number}"
        _substitute(code, found[0], f'__version__ = "{version}"')
        if with_policy:
            policy = root / "etc" / "skerry" / "policy.toml"
            policy.write_text(f"{policy.read_text()}\n# As of version {wanted}.\n")
        _sums(root)
        place = folder / f"skerry-agent_{wanted}_all.deb"
        run(["dpkg-deb", "--build", "--root-owner-group", str(root), str(place)])
    return place, version


def _substitute(path: pathlib.Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise LabError(f"{path.name} does not say {old.strip()!r}")
    path.write_text(text.replace(old, new))


def _sums(root: pathlib.Path) -> None:
    """Write what dpkg compares files with."""
    lines = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.parts
    ]
    (root / "DEBIAN" / "md5sums").write_text("".join(lines))
