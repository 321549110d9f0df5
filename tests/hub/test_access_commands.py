"""`skerry-hub access` and `audit`, before a hub runs and beside one that does; hubs are killed."""

import functools
import json
import os
import pathlib
import tempfile
import threading
import time
import urllib.error
import urllib.request

import pytest
import sqlalchemy as sa
from tests.hub.test_main import HUB, fails, run

from lab.processes import Process, free_port, wait_for
from skerry_hub import keys
from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.store import Store
from skerry_hub.store_opening import engine_at
from skerry_wire.audit_chain import Chain


class Asking(Process):
    """A hub that asks for tokens, as it is by default."""

    def __init__(self, folder, data, *options):
        self.port = free_port()
        where = ["--listen", f"127.0.0.1:{self.port}", "--mqtt-port", str(free_port())]
        super().__init__("hub", [*HUB, "serve", "--data", str(data), *where, *options], folder)
        wait_for("the hub", self._answers, 60)

    def _answers(self):
        assert self.alive, self.log()
        return self.ask("GET", "/healthz", "")[0] == 200

    def ask(self, method, path, token, body=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""


def made(data, name="alice", role="admin", *more):
    done = run("access", "create", "--data", data, "--name", name, "--role", role, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def log_of(data, url=None):
    """Return the rows of a hub's log, which are a chain."""
    store = Store(engine_at(url or f"sqlite:///{data / 'hub.db'}")[0])
    try:
        with store.reading() as connection:
            rows = audit_rows.page(connection, Wanted(), 100_000)
            chain = Chain(audit_rows.anchor(connection))
    finally:
        store.close()
    assert [chain.take(row) for row in rows] == [None] * len(rows)
    return rows


def test_the_first_token_is_made_before_the_hub_starts_and_others_while_it_runs(tmp_path):
    data = tmp_path / "data"
    alice = made(data)
    assert alice.startswith("ska_")
    for path in data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    hub = Asking(tmp_path, data)
    try:
        assert hub.ask("GET", "/api/v1/nodes", "")[0] == 401
        assert hub.ask("GET", "/api/v1/nodes", alice)[0] == 200
        bob = made(data, "bob", "viewer", "--scope", "site=quay-3", "--ttl", "1h")
        assert hub.ask("GET", "/api/v1/nodes", bob)[0] == 200, "known at once"
        assert hub.ask("GET", "/api/v1/access", bob)[0] == 403
        listed = run("access", "list", "--data", data).stdout
        assert [line.split("\t")[0] for line in listed.splitlines()] == ["alice", "bob"]
        assert alice not in listed
        assert run("access", "revoke", "--data", data, "--name", "bob").returncode == 0
        assert hub.ask("GET", "/api/v1/nodes", bob)[0] == 401, "at once"
        done = run("audit", "verify", "--data", data)
        assert "3 rows are as they were written" in done.stdout
        target = tmp_path / "old.jsonl"
        done = run("audit", "cut", "--data", data, "--keep-days", "0", "-o", target)
        assert "3 rows are in" in done.stderr
        assert len(target.read_text().splitlines()) == 4
        assert alice not in hub.log() + target.read_text()
    finally:
        assert hub.stop() == 0
    assert [row.action for row in log_of(data)] == ["audit cut"]


def test_on_a_servers_database_too(tmp_path, server):
    url = server.make("access")
    where = ("--database", url)
    alice = made(tmp_path / "data", "alice", "admin", *where)
    hub = Asking(tmp_path, tmp_path / "data", *where)
    try:
        bob = made(tmp_path / "data", "bob", "operator", *where)
        assert [hub.ask("GET", "/api/v1/nodes", one)[0] for one in (alice, bob)] == [200, 200]
        (tmp_path / "other").mkdir()  # as on another machine
        revoked = run("access", "revoke", "--data", tmp_path / "other", *where, "--name", "bob")
        assert revoked.returncode == 0, revoked.stderr
        wait_for("another machine's word", lambda: hub.ask("GET", "/api/v1/nodes", bob)[0] == 401)
    finally:
        hub.stop()
    assert [row.action for row in log_of(None, url)] == [
        "access create",
        "access create",
        "access revoke",
    ]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("create", "--name", "a b", "--role", "viewer"), 2, "must be 1 to 63"),
        (("create", "--name", "a", "--role", "viewer", "--scope", "x"), 2, "--scope"),
        (("create", "--name", "a", "--role", "viewer", "--ttl", "soon"), 2, "--ttl"),
        (("create", "--name", "a", "--role", "god"), 2, "invalid choice"),
        (
            ("create", "--name", "a", "--role", "admin", "--scope", "x=y"),
            2,
            "an admin has no scope",
        ),
        (("revoke", "--name", "none"), 1, "there is no hub: it makes its folder"),
        (("list",), 1, "there is no hub: it makes its folder"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, words, status, says):
    fails(run("access", *words, "--data", tmp_path / "data"), status, says)
    assert not (tmp_path / "data" / "hub.db").exists() or words[0] == "create"


def test_a_token_that_is_not_there_is_said(tmp_path):
    made(tmp_path / "data")
    done = run("access", "revoke", "--data", tmp_path / "data", "--name", "none")
    fails(done, 1, "there is no valid token none")


def test_where_a_hub_has_another_database_no_second_one_is_made(tmp_path):
    """As of a hub on a server whose address is not given: its keys are in the folder."""
    keys.load_or_make(tmp_path)
    words = ("create", "--name", "a", "--role", "viewer")
    fails(run("access", *words, "--data", tmp_path), 1, "there is no hub: it makes its database")
    fails(run("audit", "verify", "--data", tmp_path), 1, "there is no hub: it makes its database")
    assert not (tmp_path / "hub.db").exists()


def test_the_commands_know_how_the_hub_was_started(tmp_path, server):
    data, file = tmp_path / "data", tmp_path / "password"
    url = sa.make_url(server.make("told"))
    file.write_text(url.password or "any")
    shown = url.set(password=None).render_as_string()
    where = ("--database", shown, "--database-password-file", file)
    hub = Asking(tmp_path, data, *where, "--name", "hub.example")
    try:
        alice = made(data)
        assert hub.ask("GET", "/api/v1/nodes", alice)[0] == 200
        line = run("token", "create", "--data", data).stdout
        assert f"join http://hub.example:{hub.port} --token" in line
    finally:
        hub.stop()
    assert not (data / "hub.db").exists()
    assert "geheim" not in (data / "started").read_text()


def test_a_name_is_given_once(tmp_path):
    made(tmp_path / "data")
    words = ("--data", tmp_path / "data", "--name", "alice", "--role", "viewer")
    fails(run("access", "create", *words), 1, "there is a valid token of the name alice already")


def test_without_a_folder_it_says_what_is_missing():
    fails(run("access", "list", SKERRY_HUB_DATA=""), 2, "--data DIR is missing")


def test_root_leaves_nothing_of_its_own_in_anothers_folder():
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    # Not pytest's own folder, which another user cannot enter.
    with tempfile.TemporaryDirectory(prefix="skerry-access-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, 12345, 12345)
        made(data)
        assert {path.stat().st_uid for path in data.iterdir()} == {12345}


KILLS = 4


class Changing:
    """Clients that change what they can, until their hub is gone."""

    def __init__(self, hub, token, round_):
        self.done = []
        self._hub, self._token, self._round = hub, token, round_
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        count = 0
        while not self._ending.is_set():
            count += 1
            name = f"room-{self._round}-{number}-{count}"
            body = {"name": name, "selector": "a=b", "cpu_milli": 1}
            path = f"/api/v1/documents/Reservation/{name}"
            if self._hub.ask("PUT", path, self._token, body)[0] == 200:
                self.done.append(path)

    def end(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        return self.done

    def has_done(self, count):
        return len(self.done) >= count


def test_nothing_is_acknowledged_that_the_log_has_not_and_a_kill_breaks_no_chain(tmp_path):
    data = tmp_path / "data"
    alice = made(data)
    acknowledged = set()
    for round_ in range(KILLS):
        hub = Asking(tmp_path, data)
        changing = Changing(hub, alice, round_)
        wait_for("changes", functools.partial(changing.has_done, 8))
        time.sleep(0.05 * round_)
        hub.kill()
        acknowledged.update(changing.end())
    rows = log_of(data)
    subjects = {str(row.seq): row.content.get("subject") for row in rows}
    intents = {row.content["subject"] for row in rows if row.content["phase"] == "intent"}
    assert acknowledged <= intents
    outcomes = {subjects[row.content["of"]] for row in rows if row.content["phase"] == "outcome"}
    assert acknowledged <= outcomes, "what was answered has its outcome, too"
