"""What podman 4.3 and docker 20.10 measured, and what they might."""

import pytest

from skerry_executor.runtimes import usage
from skerry_wire.lifecycle import Usage

CPU = {"cpu_usage": {"total_usage": 250_000_000}}


@pytest.mark.parametrize(
    ("memory", "processes", "expected"),
    [
        ({"usage": 700416}, {"current": 1}, (700416, 1)),
        # cgroup v1, v2
        ({"usage": 5000, "stats": {"total_inactive_file": 3000}}, {"current": 2}, (2000, 2)),
        ({"usage": 5000, "stats": {"inactive_file": 1000}}, {}, (4000, None)),
        ({"usage": 10, "stats": {"inactive_file": 20}}, None, (0, None)),
        ({}, {"current": -1}, (0, 0)),
    ],
)
def test_usage_is_read(memory, processes, expected):
    plain = {"cpu_stats": CPU, "memory_stats": memory, "pids_stats": processes}
    assert usage.parse("web", plain) == Usage(
        container="web", cpu_s=0.25, memory_bytes=expected[0], processes=expected[1]
    )


@pytest.mark.parametrize("plain", [{}, [], {"cpu_stats": {"cpu_usage": 5}}, {"cpu_stats": None}])
def test_nonsense_is_said(plain):
    with pytest.raises(usage.UsageError):
        usage.parse("web", plain)
