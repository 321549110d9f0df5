"""Whether unattended-upgrades would take the package from the repository, as the example has it."""

from __future__ import annotations

from lab.deb_build import PACKAGE
from lab.deb_cycle import APT
from lab.deb_root import Root
from lab.install import ROOT

EXAMPLE = ROOT / "packaging" / "examples" / "52skerry-unattended-upgrades"
CONF = "/etc/apt/apt.conf.d"


def problems(root: Root) -> list[str]:
    """Return what is wrong in a root that has an older version installed than is published."""
    found = []
    for with_example in (False, True):
        if with_example:
            root.write(f"{CONF}/{EXAMPLE.name}", EXAMPLE.read_text())
        root.run(*APT, "update")
        done = root.run("unattended-upgrade", "--dry-run", "--verbose", check=False)
        said = done.stdout + done.stderr
        named = [
            line
            for line in said.splitlines()
            if "Packages that will be upgraded" in line and PACKAGE in line.split()
        ]
        if done.returncode or bool(named) is not with_example:
            found.append(f"{'with' if with_example else 'without'} the example it says: {said}")
    root.at(f"{CONF}/{EXAMPLE.name}").unlink()
    return found
