"""The files of a broker in a container of its own: written whole, where they have changed."""

import os

import pytest

from skerry_hub import mosquitto_conf
from skerry_hub.broker_files import BrokerFiles, Contents


def contents(**changed):
    given = {"conf": "c", "acl": "a", "crl": b"l", "ca": b"ca", "certificate": b"key", **changed}
    return Contents(**given)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "broker"


@pytest.fixture
def files(folder):
    return BrokerFiles(folder)


def test_all_are_written_and_then_only_what_changes(files, folder):
    assert files.write(contents()) == set(mosquitto_conf.FILES)
    assert {one.name for one in folder.iterdir()} == set(mosquitto_conf.FILES)
    assert (folder / "broker.pem").read_bytes() == b"key"
    assert files.write(contents()) == frozenset()
    assert files.write(contents(acl="b", crl=b"m")) == {"acl", "crl.pem"}
    assert (folder / "acl").read_text() == "b"


def test_what_somebody_else_changed_or_removed_is_written_again(files, folder):
    files.write(contents())
    (folder / "acl").write_text("everything is allowed")
    (folder / "crl.pem").unlink()
    assert files.write(contents()) == {"acl", "crl.pem"}
    assert (folder / "acl").read_text() == "a"


def test_nothing_behind_a_link_is_touched_and_nothing_that_blocks_is_read(files, folder, tmp_path):
    folder.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (folder / "acl").symlink_to(precious)
    (folder / "crl.pem.new").symlink_to(precious)
    os.mkfifo(folder / "ca.pem")
    files.write(contents())
    assert precious.read_text() == "mine"
    assert (folder / "acl").read_text() == "a"
    assert (folder / "ca.pem").read_bytes() == b"ca"


def test_a_supervisor_of_the_same_group_may_read_and_nobody_else(files, folder):
    files.write(contents())
    assert folder.stat().st_mode & 0o777 == 0o750
    for one in folder.iterdir():
        assert one.stat().st_mode & 0o777 == 0o640


def test_the_key_is_in_no_log():
    assert "key" not in repr(contents(certificate=b"key"))
