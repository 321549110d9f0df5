"""The files of containers on the box's disk."""

import os
import stat

import pytest

from skerry_executor import files
from skerry_executor.files import Owner
from skerry_wire.lifecycle import File

OWNER = Owner("shop-web-0", "web", "ab12")


@pytest.fixture
def folder(tmp_path):
    return files.folder_of(tmp_path, OWNER)


def a_file(**changes):
    return File(**{"path": "/etc/app.conf", "uid": os.geteuid(), "gid": os.getegid(), **changes})


def test_a_file_has_its_content_mode_and_folders_that_nobody_else_enters(tmp_path, folder):
    path = files.written(folder, 0, a_file(mode=0o444), b"one\n")
    assert path.read_bytes() == b"one\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    above = [one for one in path.parents if one.is_relative_to(tmp_path) and one != tmp_path]
    assert len(above) == 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in above} == {0o700}


def test_what_is_as_it_should_be_is_not_written_again(folder):
    path = files.written(folder, 0, a_file(), b"one")
    before = path.stat().st_ino
    assert files.written(folder, 0, a_file(), b"one").stat().st_ino == before


@pytest.mark.parametrize(("content", "mode"), [(b"two", 0o400), (b"on", 0o400), (b"one", 0o440)])
def test_what_differs_is_written_again(folder, content, mode):
    before = files.written(folder, 0, a_file(), b"one").stat().st_ino
    path = files.written(folder, 0, a_file(mode=mode), content)
    assert path.stat().st_ino != before
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (content, mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_belongs_to_whom_it_shall(folder):
    found = files.written(folder, 0, a_file(uid=1234, gid=55), b"x").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 55, 0o400)


def test_what_a_killed_run_left_half_written_is_in_nobodys_way(folder):
    folder.mkdir(parents=True)
    (folder / "0.new").write_bytes(b"half")
    assert files.written(folder, 0, a_file(), b"one").read_bytes() == b"one"
    assert sorted(one.name for one in folder.iterdir()) == ["0"]


def test_a_link_that_lies_in_its_place_is_not_followed(tmp_path, folder):
    folder.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    (folder / "0").symlink_to(outside)
    (folder / "0.new").symlink_to(outside)
    path = files.written(folder, 0, a_file(), b"one")
    assert not path.is_symlink()
    assert outside.read_bytes() == b"mine"


def test_missing_files_are_noticed(folder):
    files.written(folder, 0, a_file(), b"one")
    assert not files.missing(folder, 1)
    assert files.missing(folder, 2)


def test_what_belongs_to_no_container_is_removed_with_empty_folders(tmp_path, folder):
    files.written(folder, 0, a_file(), b"one")
    old = OWNER._replace(spec="cd34")
    files.written(files.folder_of(tmp_path, old), 0, a_file(), b"old")
    other = Owner("gone-0", "web", "1")
    files.written(files.folder_of(tmp_path, other), 0, a_file(), b"gone")
    files.remove_others(tmp_path, {OWNER})
    left = [path for path in (tmp_path / files.FOLDER).rglob("*") if path.is_file()]
    assert left == [folder / "0"]
    assert not (tmp_path / files.FOLDER / "gone-0").exists()


def test_nothing_to_remove_is_fine(tmp_path):
    files.remove_others(tmp_path, set())
    assert list(tmp_path.iterdir()) == []
