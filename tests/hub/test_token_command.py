"""A token made on the hub's own machine, beside a hub that may be running, on both databases."""

import shlex
import time

import pytest

from skerry_hub import main
from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.joining import tokens
from skerry_hub.pki import authority
from skerry_hub.store_beside import who_runs_it
from skerry_hub.store_opening import open_store


def run(folder, database, *words):
    where = ["--data", str(folder), "--database", database, "--name", "hub.example"]
    return main.main(["token", "create", *where, "--listen", "0.0.0.0:8443", *words])


def test_it_prints_one_command_for_the_box_while_the_hub_runs(database, tmp_path, capsys):
    mine = authority.load_or_make(tmp_path, time.time())
    hub = open_store(database)
    try:
        words = ("--ttl", "5m", "--uses", "3", "--label", "site=quay-3", "--label", "floor=2")
        assert run(tmp_path, database, *words) == 0
        command = shlex.split(capsys.readouterr().out)
        assert command[:5] == [
            "sudo",
            "skerry-agent",
            "join",
            "https://hub.example:8443",
            "--token",
        ]
        assert command[6:] == ["--ca-pin", mine.pin]
        with hub.aside() as connection:
            (token,) = EnrollmentRows(connection).tokens()
            intent, outcome = audit_rows.page(connection, Wanted(), 10)
        assert tokens.is_same(command[5], token.digest)
        assert (token.uses, token.content.made_by) == (3, who_runs_it())
        assert token.content.replaces, "who has the data folder is as good as an admin"
        assert token.content.labels == {"site": "quay-3", "floor": "2"}
        assert intent.content["phase"] == "intent"
        told = outcome.content
        assert (told["subject"], told["uses"], told["labels"]) == (
            token.id, "3", "floor=2,site=quay-3",
        )  # fmt: skip
        assert 200 < token.expires_at - time.time() <= 300
    finally:
        hub.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--uses", "0"), "uses"),
        (("--ttl", "5"), "--ttl: '5' must be such as 12h"),
        (("--ttl", "never"), "--ttl: a box joins within a time"),
        (("--ttl", "9000d"), "ttl_s"),
        (("--label", "no label"), "labels"),
        (("--node", "NO NODE"), "node"),
        (("--listen", "nowhere"), "--listen"),
    ],
)
def test_what_is_wrong_is_said_and_no_token_is_made(database, tmp_path, capsys, words, says):
    authority.load_or_make(tmp_path, time.time())
    hub = open_store(database)
    try:
        assert run(tmp_path, database, *words) == 2
        assert says in capsys.readouterr().err
        with hub.aside() as connection:
            assert EnrollmentRows(connection).tokens() == []
    finally:
        hub.close()


def test_before_a_hub_was_started_there_is_nothing_to_join(tmp_path, capsys):
    assert run(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}") == 1
    assert "first start" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
