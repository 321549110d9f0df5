"""A file is written whole, with its mode, also over what a killed hub left."""

import os
import stat

import pytest

from skerry_hub.whole_file import new_file, write_whole


def test_it_replaces_what_there_was_with_the_mode_that_is_asked_for(tmp_path):
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_whole(path, b"open", 0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["key"]


def test_what_a_killed_one_left_is_neither_used_nor_followed(tmp_path):
    path, elsewhere = tmp_path / "key", tmp_path / "elsewhere"
    (tmp_path / "key.new").symlink_to(elsewhere)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert not elsewhere.exists()


def test_what_cannot_be_written_leaves_the_old(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"old")
    (tmp_path / "key.new").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which depends on the system
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_new_file_is_for_its_owner_alone_and_goes_where_what_follows_fails(tmp_path):
    with new_file(tmp_path / "a") as file:
        file.write(b"x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError), new_file(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_bytes() == b"x"
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "b"):
        raise ZeroDivisionError
    assert not (tmp_path / "b").exists()
