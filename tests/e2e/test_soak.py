"""What `./dev soak` does for hours, a little of it, on the real parts."""

import os

import pytest

from lab import soak_disk, soak_hung, soak_kills

pytestmark = pytest.mark.e2e


def test_kills_at_random_points_restart_double_and_orphan_nothing(podman):
    found = soak_kills.kills(12, seed=3, containers=5, podman=podman, restart_s=0.0)
    assert [one.problems for one in found] == [()] * 12
    assert {"agent", "executor", "socket"} <= {one.part for one in found}
    assert any(one.changed for one in found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk to fill")
def test_a_full_disk_stops_nothing_and_heals(podman):
    (found,) = soak_disk.disks(5.0, podman)
    assert found.met, found


def test_a_runtime_that_is_gone_is_said_while_all_else_goes_on(podman):
    (found,) = soak_hung.aways(1.0, podman, kinds=("gone",), leased=False)
    assert found.met, found
    assert "cannot be reached" in found.words
