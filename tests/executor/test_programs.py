"""Notes of programs, and what becomes of those that a killed run left."""

import threading

from tests.executor.fake_runtime import FakeRuntime

from skerry_executor import programs
from skerry_executor.programs import Programs
from skerry_executor.runtimes.base import Failure, RuntimeFailure


def test_a_program_is_noted_while_it_runs(tmp_path):
    runtime = FakeRuntime(images=[])
    with Programs(tmp_path).noted(runtime) as note:
        assert not programs.are_left(tmp_path)
        note("abc")
        note("abc 1 2")
        assert programs.are_left(tmp_path)
    assert not programs.are_left(tmp_path)


def test_what_was_left_is_ended_and_what_this_run_notes_is_not(tmp_path):
    runtime = FakeRuntime(images=[])
    left = tmp_path / "programs" / "old"
    left.parent.mkdir()
    left.write_text(f"{runtime.name}\nabc 1 2")
    run = Programs(tmp_path)
    with run.noted(runtime) as note:
        note("mine")
        run.end_left(lambda: runtime, threading.Event())
        assert [one for one in runtime.calls if one[0] == "end_program"] == [
            ("end_program", "abc 1 2")
        ]
        assert not left.exists()
        assert programs.are_left(tmp_path)


def test_what_another_runtime_had_is_nobodys_here(tmp_path):
    runtime = FakeRuntime(images=[])
    left = tmp_path / "programs" / "old"
    left.parent.mkdir()
    left.write_text("another\nabc 1 2")
    Programs(tmp_path).end_left(lambda: runtime, threading.Event())
    assert (runtime.calls, left.exists()) == ([], False)


def test_while_the_runtime_is_away_the_note_stays(tmp_path):
    runtime = FakeRuntime(images=[])
    runtime.fails["end_program"] = RuntimeFailure(Failure.UNREACHABLE, "it is away")
    left = tmp_path / "programs" / "old"
    left.parent.mkdir()
    left.write_text(f"{runtime.name}\nabc")
    ended = threading.Event()
    ended.set()
    Programs(tmp_path).end_left(lambda: runtime, ended)
    assert left.exists()
