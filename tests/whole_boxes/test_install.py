"""A fresh Debian in user-mode-linux becomes a box by the README's commands, and none again.

The short form of `./dev lab install`: podman and Debian's Python libraries are there already. In
full, on Debian 12 and 13: `./dev lab install`; cut off in the middle of upgrades: with `--cuts 50`.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from lab import apart
from lab.debian import suite
from lab.install import DEB_PACKAGES, ROOT, WHOLE_BOXES
from lab.uml_install_image import SUITES
from lab.uml_install_steps import STEPS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may start boxes and their network"),
    pytest.mark.skipif(suite() not in SUITES, reason="this machine is neither Debian 12 nor 13"),
]
MOST_S = 1500
"""It takes two or three minutes, and half of that once more to build the image."""


def test_a_fresh_debian_installs_joins_runs_upgrades_and_forgets():
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    needed = DEB_PACKAGES | WHOLE_BOXES
    if missing := [name for name in needed if not shutil.which(name, path=path)]:
        pytest.skip(f"not installed: {', '.join(missing)}; ./dev test installs them")
    words = ["--short", "--suite", suite(), "-o", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "lab.install_main", *words],
        cwd=ROOT,
        env=apart.environment(),
        capture_output=True,
        text=True,
        timeout=MOST_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{done.stdout[-6000:]}"
    found = json.loads(done.stdout)
    print(found["table"])
    assert [one["name"] for one in found["each"]] == [step.name for step in STEPS if step.short]
    assert not [one["problem"] for one in found["each"] if one["problem"]]
