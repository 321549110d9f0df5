"""The slow look: whatever the child does, it ends and it is said."""

import json
import sys

import pytest

from skerry_agent import slow
from skerry_agent.capability import SlowValues
from skerry_agent.host import Host
from skerry_agent.probes.result import Failed, Found

GOOD = {"brand": "A Processor", "flags": ["avx2", "avx"]}
VALUES = SlowValues(brand="A Processor", flags=("avx", "avx2"))


def child(code):
    return (sys.executable, "-c", code)


def saying(text):
    return child(f"print({text!r})")


@pytest.fixture
def box(tree):
    """A live host with a boot id, whose child processes are real."""
    tree.write("proc/sys/kernel/random/boot_id", "boot-1")
    return Host(tree.root, live=True)


def test_a_good_answer(box):
    assert slow.read_slow(box, None, child=saying(json.dumps(GOOD))) == Found(VALUES)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (child("import time; time.sleep(60)"), "took too long"),
        (child("import os; os.kill(os.getpid(), 11)"), "status -11"),
        (child("import sys; sys.exit(3)"), "status 3"),
        (saying("nonsense"), "nonsense"),
        (saying("[1]"), "nonsense"),
        (saying(json.dumps({"brand": 5, "flags": []})), "nonsense"),
        (saying(json.dumps({"brand": "x", "flags": ["a"] * 5000})), "nonsense"),
        (child("while True: print('x' * 65536)"), "more than"),
        (("/no/such/program",), "could not be started"),
    ],
)
def test_hang_crash_and_nonsense_are_failures(box, command, reason):
    answer = slow.read_slow(box, None, child=command, time_limit_s=2.0)
    assert isinstance(answer, Failed)
    assert reason in answer.reason


def test_what_the_child_started_ends_with_it(box):
    code = "import subprocess; subprocess.Popen(['sleep', '60']); import time; time.sleep(60)"
    assert isinstance(slow.read_slow(box, None, child=child(code), time_limit_s=0.5), Failed)


def test_an_answer_is_kept_for_this_boot_and_not_for_the_next(box, tree, tmp_path):
    cache = tmp_path / "cache"
    assert slow.read_cached(box, cache) is None
    slow.read_slow(box, cache, child=saying(json.dumps(GOOD)))
    assert slow.read_slow(box, cache, child=("/no/such/program",)) == Found(VALUES)
    assert slow.read_cached(box, cache) == Found(VALUES)
    tree.write("proc/sys/kernel/random/boot_id", "boot-2")
    assert slow.read_cached(box, cache) is None
    assert isinstance(slow.read_slow(box, cache, child=("/no/such/program",)), Failed)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"boot_id": "boot-1"}', b"[" * 9999])
def test_a_damaged_cache_is_none(box, tmp_path, content):
    cache = tmp_path / "cache"
    cache.write_bytes(content)
    assert slow.read_cached(box, cache) is None


def test_a_failure_is_not_kept(box, tmp_path):
    slow.read_slow(box, tmp_path / "cache", child=("/no/such/program",))
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_no_failure(box, tmp_path):
    cache = tmp_path / "no" / "folder" / "cache"
    assert slow.read_slow(box, cache, child=saying(json.dumps(GOOD))) == Found(VALUES)


def test_a_recorded_box_runs_nothing(tree):
    assert isinstance(slow.read_slow(tree.host, None, child=saying("x")), Failed)


def test_the_real_child_knows_this_processor():
    answer = slow.read_slow(Host("/"), None)
    assert isinstance(answer, Found), answer
    assert answer.value.flags
