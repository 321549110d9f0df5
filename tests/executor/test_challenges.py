"""Challenges in their folder: across runs, threads, boots, damage and full disks."""

import os
import stat
import subprocess
import sys
import threading
import time

import pytest

from skerry_executor import challenges
from skerry_executor.challenges import Challenges
from skerry_executor.state import StateError


def test_another_run_takes_the_answer_once(tmp_path):
    issued = Challenges(tmp_path / "run").issue("request")
    assert len(issued.challenge) == 32
    program = (
        "import pathlib, sys; from skerry_executor.challenges import Challenges as C\n"
        "print(C(pathlib.Path(sys.argv[1])).redeem(bytes.fromhex(sys.argv[2]), 'request'))"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "run"), issued.challenge.hex()]
    first, second = (subprocess.run(words, capture_output=True, text=True) for _ in range(2))
    assert f"at_s={issued.at_s}" in first.stdout, first.stderr
    assert second.stdout == "None\n", second.stderr


def test_of_many_at_once_one_redeems(tmp_path):
    def slow_clock():
        time.sleep(0.02)  # between what is read and what is written: others would come in
        return 5.0

    kept = Challenges(tmp_path / "run", clock=slow_clock)
    issued = kept.issue("lease")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(kept.redeem(issued.challenge, "lease")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=bool) == [None] * 7 + [issued]


def test_it_is_over_after_its_time_by_the_clock_that_nobody_sets(tmp_path):
    now = 5.0
    kept = Challenges(tmp_path / "run", clock=lambda: now)
    issued = kept.issue("request")
    assert issued.at_s == 5.0
    now = 66.0
    assert kept.redeem(issued.challenge, "request") is None


def test_a_boot_forgets_all(tmp_path):
    for name, text in (("before", "0000-1\n"), ("after", "0000-2\n")):
        path = tmp_path / name / challenges.BOOT_ID
        path.parent.mkdir(parents=True)
        path.write_text(text)
    issued = Challenges(tmp_path / "run", tmp_path / "before").issue("lease")
    assert (
        Challenges(tmp_path / "run", tmp_path / "after").redeem(issued.challenge, "lease") is None
    )


def test_only_the_executors_user_can_look(tmp_path):
    Challenges(tmp_path / "run").issue("request")
    for path in ("run", "run/challenges", "run/challenges.lock"):
        assert stat.S_IMODE(os.stat(tmp_path / path).st_mode) & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"x" * 70_000])
def test_damage_only_forgets(tmp_path, damage):
    kept = Challenges(tmp_path / "run")
    issued = kept.issue("request")
    (tmp_path / "run" / "challenges").write_bytes(damage)
    assert kept.redeem(issued.challenge, "request") is None
    again = kept.issue("request")
    assert kept.redeem(again.challenge, "request") == again


def test_what_cannot_be_kept_is_neither_issued_nor_redeemed(tmp_path):
    kept = Challenges(tmp_path / "run")
    issued = kept.issue("request")
    (tmp_path / "run" / "challenges.new").mkdir()
    with pytest.raises(StateError, match="cannot be used"):
        kept.redeem(issued.challenge, "request")
    with pytest.raises(StateError, match="cannot be used"):
        kept.issue("request")
    (tmp_path / "run" / "challenges.new").rmdir()
    assert kept.redeem(issued.challenge, "request") == issued


def test_without_a_boot_id_there_are_none(tmp_path):
    with pytest.raises(StateError, match="boot_id cannot be read"):
        Challenges(tmp_path / "run", tmp_path).issue("lease")


def test_a_folder_of_others_is_not_used(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    with pytest.raises(StateError, match="can be changed by other users"):
        Challenges(tmp_path / "run").issue("request")
