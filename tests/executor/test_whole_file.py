"""Small files written whole."""

import os

import pytest

from skerry_executor import whole_file
from skerry_executor.whole_file import DamagedError

MAGIC = b"a test 1\n"


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path, durable):
    path = tmp_path / "file"
    assert whole_file.read(path, 10) is None
    for data in (b"first", b"second"):
        whole_file.write(path, data, durable=durable)
        assert whole_file.read(path, 10) == data
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_the_old_one_stays(tmp_path):
    path = tmp_path / "file"
    whole_file.write(path, b"old", durable=True)
    (tmp_path / "file.new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        whole_file.write(path, b"new", durable=True)
    assert whole_file.read(path, 10) == b"old"


def test_a_file_that_is_too_long_or_damaged_is_said(tmp_path):
    path = tmp_path / "file"
    whole_file.write(path, b"x" * 11, durable=False)
    with pytest.raises(DamagedError, match="more than 10 bytes"):
        whole_file.read(path, 10)
    good = whole_file.checked(MAGIC, b"body")
    assert whole_file.body_of(MAGIC, good) == b"body"
    for bad in (b"", b"another\n", good[:-1], good + b"x", MAGIC, good[:20]):
        with pytest.raises(DamagedError):
            whole_file.body_of(MAGIC, bad)


def test_it_is_written_first_where_it_is_told(tmp_path):
    fresh = tmp_path / ".pod.json.new"
    fresh.mkdir()
    with pytest.raises(IsADirectoryError):
        whole_file.write(tmp_path / "pod.json", b"x", durable=False, fresh=fresh)
    whole_file.write(tmp_path / "pod.json", b"x", durable=False)
    assert (tmp_path / "pod.json").read_bytes() == b"x"


def test_what_must_outlive_a_power_cut_is_on_the_disk_before_and_after_its_name(tmp_path):
    synced, path = [], tmp_path / "file"

    def sync(fd):
        synced.append((os.readlink(f"/proc/self/fd/{fd}"), os.fstat(fd).st_size, path.exists()))

    whole_file.write(path, b"new", durable=True, sync=sync)
    assert synced[0] == (str(tmp_path / "file.new"), 3, False), "else its name may outlive it"
    assert [(place, named) for place, _, named in synced[1:]] == [(str(tmp_path), True)]
    whole_file.write(path, b"passing", durable=False, sync=sync)
    assert len(synced) == 2
