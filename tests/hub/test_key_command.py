"""`skerry-hub key`: on a data folder of which no hub is running, and beside one that is."""

import base64
import os

import pytest
from tests.hub.records import node, report
from tests.hub.test_order_keys import Box

from skerry_hub import keys
from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.data_folder import claim
from skerry_hub.main import main
from skerry_hub.order_keys import OrderKeys
from skerry_hub.state import Draft
from skerry_hub.store_opening import open_store


@pytest.fixture
def data(tmp_path):
    """The data folder of a hub that has run, and knows a box."""
    store = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    keys = OrderKeys(tmp_path, store)
    known = store.load()
    draft = Draft(known)
    draft.nodes.put("box-1", node(report=report(keys=Box(keys.public).node().report.keys)))
    store.commit(draft, known)
    store.close()
    return tmp_path


def run(data, capsys, *words):
    status = main(["key", *words, f"--data={data}"])
    said = capsys.readouterr()
    return status, said.out, said.err


def public(data):
    return base64.b64decode((data / "order-key.pub").read_text())


def test_the_public_key_is_printed(data, capsys):
    assert run(data, capsys) == (0, (data / "order-key.pub").read_text(), "")


def test_a_key_is_changed_while_no_hub_runs(data, capsys):
    before = public(data)
    status, out, _ = run(data, capsys, "status")
    assert (status, "1 of 1 boxes trust it" in out) == (0, True)
    status, out, _ = run(data, capsys, "rotate")
    assert status == 0
    assert "being changed to" in out
    assert "0 of 1 boxes trust that" in out
    assert "till-1 (box-1): it is" in out or "box-1" in out
    status, _, err = run(data, capsys, "retire")
    assert (status, "--force" in err) == (1, True)
    assert run(data, capsys, "retire", "--force")[0] == 0
    assert public(data) != before
    store = open_store(f"sqlite:///{data / 'hub.db'}")
    try:
        box, keys = Box(before), OrderKeys(data, store)
        assert box.told(keys), "the hub tells it at its next start"
        assert box.trusted == {keys.id}
        with store.reading() as connection:
            rows = audit_rows.page(connection, Wanted(), 10)
        shown = ("phase", "of", "status", "force")
        told = [(row.action, *(row.content.get(key, "") for key in shown)) for row in rows]
        assert told == [
            ("key rotate", "intent", "", "", ""),
            ("key rotate", "outcome", "1", "done", ""),
            ("key retire", "intent", "", "", ""),
            ("key retire", "outcome", "3", "refused", ""),
            ("key retire", "intent", "", "", "yes"),
            ("key retire", "outcome", "5", "done", ""),
        ]
    finally:
        store.close()


def test_of_a_hub_that_runs_it_is_asked_by_the_command_line(data, capsys):
    lock = claim(data)
    try:
        # A lock of this process is none for it: so another one asks.
        child = os.fork()
        if child == 0:
            os._exit(main(["key", "rotate", f"--data={data}"]))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    finally:
        os.close(lock)
    assert not (data / "order-key.next").exists()


def test_what_is_no_folder_is_said_and_none_is_made(tmp_path, capsys):
    status, _, err = run(tmp_path / "none", capsys, "rotate")
    assert (status, "is no folder" in err) == (1, True)
    assert not (tmp_path / "none").exists()


def test_where_the_hub_has_another_database_nothing_is_changed(tmp_path, capsys):
    """As of a hub on a server whose address is not given: its key is in the folder."""
    keys.load_or_make(tmp_path)
    for words in (("rotate", "--stolen"), ("retire", "--force"), ("status",)):
        status, _, err = run(tmp_path, capsys, *words)
        assert (status, "there is no hub" in err) == (1, True)
    assert not (tmp_path / "hub.db").exists()
    assert not (tmp_path / "order-key.next").exists()
