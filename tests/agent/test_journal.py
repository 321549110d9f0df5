"""The journal: what a power cut, a full disk, damage or a second agent may and may not do."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry_agent.journal import Journal, JournalError, Saved
from skerry_wire.messages import Event, EventKind

EVENT = Event(incarnation="0" * 32, boot=1, seq=1, id="a-1", kind=EventKind.STARTED, at=1.0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


def test_identity_is_made_once_and_kept(folder):
    journal = Journal(folder)
    first = journal.identity(None)
    journal.close()
    again = Journal(folder).identity(None)
    assert first == again
    assert len(first.incarnation) == 32


def test_two_boxes_are_two_nodes_and_a_new_folder_a_new_incarnation(tmp_path):
    one = Journal(tmp_path / "1").identity("box")
    two = Journal(tmp_path / "2").identity("box")
    assert one.node == two.node == "box"
    assert one.incarnation != two.incarnation


def test_another_node_id_is_refused_with_what_to_do(folder):
    journal = Journal(folder)
    journal.identity("box-1")
    with pytest.raises(JournalError, match="is node box-1 already"):
        journal.identity("box-2")


def test_a_damaged_identity_stops_the_agent_in_words(folder):
    journal = Journal(folder)
    journal.identity(None)
    (folder / "identity").write_bytes(b"\x00garbage")
    with pytest.raises(JournalError, match="is damaged"):
        journal.identity(None)


def test_one_agent_at_a_time(folder):
    journal = Journal(folder)
    code = f"""
import pathlib
from skerry_agent.journal import Journal, JournalError
try:
    Journal(pathlib.Path({str(folder)!r}))
except JournalError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    assert "another agent is using" in done.stdout
    journal.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="--state"):
        Journal(tmp_path / "file" / "state")


def test_boots_only_grow(folder):
    journal = Journal(folder)
    assert [journal.next_boot() for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("starts", [3, 4])
def test_a_torn_boot_counter_never_goes_back_below_the_start_before(folder, starts):
    journal = Journal(folder)
    for _ in range(starts):
        journal.next_boot()
    path = folder / "boot"
    data = path.read_bytes()
    for offset in range(0, len(data), 4096):
        torn = bytearray(data)
        torn[offset : offset + 6] = b"\xff" * 6
        path.write_bytes(bytes(torn))
        assert journal.next_boot() >= starts


def test_the_boot_counter_needs_no_free_space(folder):
    journal = Journal(folder)
    journal.next_boot()
    before = os.stat(folder / "boot")
    journal.next_boot()
    after = os.stat(folder / "boot")
    assert (before.st_ino, before.st_blocks) == (after.st_ino, after.st_blocks)


def test_what_is_saved_is_loaded(folder):
    journal = Journal(folder)
    saved = Saved(order=b"order", events=(EVENT,))
    journal.save(saved)
    assert journal.load() == (saved, None)
    assert (folder / "journal").stat().st_mode & 0o777 == 0o600


def test_nothing_saved_is_nothing_loaded(folder):
    assert Journal(folder).load() == (Saved(), None)


def test_a_damaged_journal_is_put_aside_and_said(folder):
    journal = Journal(folder)
    (folder / "journal").write_bytes(b"\xc1")
    saved, problem = journal.load()
    assert saved == Saved()
    assert "damaged" in problem
    assert (folder / "journal.damaged").exists()
    assert journal.load() == (Saved(), None)


def test_a_failed_write_leaves_the_old_content(folder):
    journal = Journal(folder)
    journal.save(Saved(order=b"old"))
    (folder / "journal.new").mkdir()  # stands in the way, as a full disk would
    with pytest.raises(OSError, match="directory"):
        journal.save(Saved(order=b"new"))
    assert journal.load() == (Saved(order=b"old"), None)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_in_the_journal_are_survived(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("state")
    journal = Journal(folder)
    (folder / "journal").write_bytes(data)
    saved, _ = journal.load()
    assert isinstance(saved, Saved)
    journal.close()
