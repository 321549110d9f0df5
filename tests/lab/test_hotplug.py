"""Real hotplug: devices come and go in a machine in QEMU, on which the agent runs as its unit.

A few minutes and a Debian mirror are needed; `./dev lab hotplug` is the long form.
"""

import os
import shutil

import pytest

from lab import qemu_hotplug, qemu_main
from lab.install import LAB_PACKAGES

MISSING = [name for name in LAB_PACKAGES if not shutil.which(name, path="/usr/sbin:/usr/bin:/bin")]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        os.environ.get("SKERRY_TEST_QEMU") != "1", reason="takes minutes: set SKERRY_TEST_QEMU=1"
    ),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can build the machine's disk"),
]


def test_after_each_plugging_and_unplugging_the_capability_equals_a_fresh_look():
    steps = qemu_main.hotplug(cycles=10, seed=3)
    print(qemu_hotplug.table(steps))
    assert [(step.words, step.problems) for step in steps if step.problems] == []
    assert len(steps) == 22, "ten cycles, and two exchanges in bursts"
    assert all(step.publications for step in steps if "exchange" not in step.words)
    assert all(step.latency_s < 30 for step in steps if step.latency_s is not None)
