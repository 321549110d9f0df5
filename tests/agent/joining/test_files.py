"""Files of a folder that belongs to another user: what lies there is read, and nothing else.

Root reads them at a join, and what is read may go to the hub or be said: so no link may have it
read what the folder's owner cannot.
"""

import os

import pytest

from skerry_agent.joining import files
from skerry_agent.joining.failure import JoinError


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def folder(state):
    with files.state(state) as folder:
        yield folder


def test_what_lies_there_is_read_up_to_a_size(folder, state):
    assert folder.read("hub.json", 10) is None
    (state / "hub.json").write_bytes(b"0123456789")
    assert folder.read("hub.json", 10) == b"0123456789"
    with pytest.raises(JoinError, match=r"hub\.json is larger than 9 bytes"):
        folder.read("hub.json", 9)


@pytest.mark.parametrize("target", ["../precious", "beside", "nothing", "."])
def test_no_link_is_read_through_wherever_it_leads(folder, state, tmp_path, target):
    (tmp_path / "precious").write_text("root's")
    (state / "beside").write_text("the agent's own")
    (state / "box.pem").symlink_to(target)
    with pytest.raises(JoinError, match=r"box\.pem cannot be read") as error:
        folder.read("box.pem", 1000)
    assert "root's" not in str(error.value)


def test_nor_what_is_no_file_and_nobody_waits_for_one_who_writes(folder, state):
    os.mkfifo(state / "box.pem")
    with pytest.raises(JoinError, match="not a regular file"):
        folder.read("box.pem", 1000)


def test_whether_a_file_is_locked_is_not_asked_through_a_link(folder, state, tmp_path):
    (tmp_path / "precious").write_text("root's")
    (state / "lock").symlink_to("../precious")
    with pytest.raises(JoinError, match="lock cannot be looked at"):
        files.is_held(folder, "lock")
