"""What is over is killed before a run imports anything else, and nothing but that."""

import os
import pathlib
import subprocess
import sys

import pytest

from skerry_executor import overdue, processes
from skerry_executor.boot_clock import since_boot_s

BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()

LIGHT = [f"skerry_executor.{one}" for one in ("boot_clock", "overdue", "pidfds")]


@pytest.fixture
def child():
    with subprocess.Popen(["sleep", "60"]) as one:
        yield one
        one.kill()


def kept(folder, child, *, in_s=-1.0, boot=BOOT, started=0):
    found = processes.of_pid(child.pid)
    ends = [(since_boot_s() + in_s, found.pid, found.started + started)]
    (folder / overdue.FILE).write_bytes(overdue.lines(boot, ends))


def test_what_is_over_is_killed(tmp_path, child):
    kept(tmp_path, child)
    assert overdue.kill(tmp_path) == 1
    assert child.wait(10) == -9


@pytest.mark.parametrize(
    "other", [{"in_s": 60.0}, {"boot": "another start of the box"}, {"started": 1}]
)
def test_what_is_not_or_is_another_process_goes_on(tmp_path, child, other):
    kept(tmp_path, child, **other)
    assert overdue.kill(tmp_path) == 0
    assert child.poll() is None


def test_half_a_line_hides_no_other(tmp_path, child):
    kept(tmp_path, child)
    path = tmp_path / overdue.FILE
    boot, line, _ = path.read_bytes().split(b"\n")
    path.write_bytes(
        b"\n".join([boot, b"12.5 nonsense 3", b"1.0 2147483647 5", b"1.0 99999999999 5", line])
    )
    assert overdue.kill(tmp_path) == 1


def test_without_a_file_nothing_happens(tmp_path):
    assert overdue.kill(tmp_path) == 0


def test_a_run_that_cannot_serve_has_killed_it_before(tmp_path, child):
    """As of a run that is killed, or ends, before it can take its terms."""
    kept(tmp_path, child)
    command = [sys.executable, "-m", "skerry_executor.main", "--run", str(tmp_path), "run"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2, "no socket was passed"
    assert child.wait(10) == -9


def test_it_needs_next_to_nothing():
    """Else it would not come before what takes long."""
    code = (
        "import sys; import skerry_executor.overdue\n"
        "print(*sorted(one for one in sys.modules if one.startswith('skerry')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["skerry_executor", *LIGHT]
