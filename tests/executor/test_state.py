"""What the executor remembers, through power cuts and damage."""

import os
import stat

import pytest
from tests.executor.orders import INCARNATION, NODE

from skerry_executor import state
from skerry_executor.state import Accepted, StateError

FIRST = Accepted(
    node=NODE, incarnation=INCARNATION, generation=7, digest="a" * 64, envelope=b"x" * 900
)


def newer(generation):
    return Accepted(
        node=NODE,
        incarnation=INCARNATION,
        generation=generation,
        digest="b" * 64,
        envelope=b"y" * 2000,
    )


def test_what_was_saved_is_loaded(tmp_path):
    folder = tmp_path / "deep" / "state"
    assert state.load(folder) is None
    state.save(folder, FIRST)
    assert state.load(folder) == FIRST
    state.save(folder, newer(8))
    assert state.load(folder) == newer(8)
    assert (FIRST.high_water.generation, FIRST.high_water.digest) == (7, "a" * 64)
    assert os.listdir(folder) == [state.FILE]


def test_only_the_executors_user_can_look(tmp_path):
    before = os.umask(0)
    try:
        with state.locked(tmp_path / "state", 0.0):
            state.save(tmp_path / "state", FIRST)
    finally:
        os.umask(before)
    for path in ("state", "state/accepted.state", "state/lock"):
        assert stat.S_IMODE(os.stat(tmp_path / path).st_mode) & 0o077 == 0


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, mode):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    with pytest.raises(StateError, match="can be changed by other users"):
        state.save(tmp_path / "state", FIRST)
    with pytest.raises(StateError, match="chmod go-w"), state.locked(tmp_path / "state", 0.0):
        pass
    assert os.listdir(tmp_path / "state") == []


def test_a_folder_of_another_user_is_not_used(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", 12345, 12345)
    with pytest.raises(StateError, match="can be changed by other users"):
        state.save(tmp_path / "state", FIRST)


@pytest.mark.parametrize("damage", ["empty", "torn", "flipped", "foreign", "huge", "longer"])
def test_a_damaged_file_is_an_error_and_never_begun_anew(tmp_path, damage):
    state.save(tmp_path, FIRST)
    path = tmp_path / state.FILE
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    path.write_bytes(
        {
            "empty": b"",
            "torn": good[:500],
            "flipped": bytes(flipped),
            "foreign": b"skerry-executor accepted 2\n" + good[27:],
            "huge": good + b"\x00" * state.MAX_STATE_BYTES,
            "longer": good + b"\x00",
        }[damage]
    )
    with pytest.raises(StateError, match=r"is damaged .*skerry-executor reset --yes"):
        state.load(tmp_path)


def test_a_write_that_was_cut_off_leaves_what_was_before(tmp_path):
    state.save(tmp_path, FIRST)
    (tmp_path / (state.FILE + ".new")).write_bytes(b"half of someth")
    assert state.load(tmp_path) == FIRST
    state.save(tmp_path, newer(8))
    assert state.load(tmp_path) == newer(8)


def test_what_cannot_be_written_is_said_and_leaves_what_was_before(tmp_path):
    state.save(tmp_path, FIRST)
    (tmp_path / (state.FILE + ".new")).mkdir()
    with pytest.raises(StateError, match=r"accepted\.state cannot be written: Is a directory"):
        state.save(tmp_path, newer(8))
    assert state.load(tmp_path) == FIRST
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        state.save(tmp_path / "file" / "state", FIRST)


def test_a_state_folder_that_was_deleted_is_made_again(tmp_path):
    with state.locked(tmp_path / "state", 0.0):
        (tmp_path / "state" / state.LOCK).unlink()
        (tmp_path / "state").rmdir()
        state.save(tmp_path / "state", FIRST)
    assert state.load(tmp_path / "state") == FIRST


def test_forgetting(tmp_path):
    assert state.forget(tmp_path) is False
    state.save(tmp_path, FIRST)
    assert state.forget(tmp_path) is True
    assert state.load(tmp_path) is None


def test_the_lock_admits_one(tmp_path):
    with state.locked(tmp_path, 0.0):
        second = state.locked(tmp_path, 0.1)
        with pytest.raises(StateError, match="another skerry-executor is at work"):
            second.__enter__()
    with state.locked(tmp_path, 0.0):
        assert (tmp_path / state.LOCK).exists()
