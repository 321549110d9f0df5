"""Whether the hub lives, whether it is ready, and what it warns of."""

import sqlite3

import pytest

from lab.processes import wait_for
from skerry_hub.api.health import warning_of
from skerry_hub.health_views import PartView
from skerry_wire import __version__


def test_a_hub_that_works_lives_and_is_ready(client, rig):
    for path in ("/livez", "/healthz"):
        assert client.raw("GET", path)[::2] == (200, b"ok\n")
    assert client.ask("GET", "/api/v1/version") == (200, {"version": __version__})
    status_, _, text = client.raw("GET", "/readyz")
    lines = text.decode().splitlines()
    assert (status_, lines[-1]) == (200, "readyz check passed")
    assert [line.partition(" since")[0] for line in lines[:-1]] == [
        "[+]writer ok",
        "[+]store ok",
        "[+]broker ok",
    ]
    health = client.get("/api/v1/health")
    assert (health["ready"], {one["ok"] for one in health["parts"]}) == (True, {True})
    assert "warning" not in client.raw("GET", "/api/v1/nodes")[1]


def test_without_its_broker_it_lives_is_not_ready_and_warns_of_what_it_shows(client, rig):
    rig.join("box-1")
    rig.broker.go_away()
    wait_for("that to be seen", lambda: not client.get("/api/v1/health")["ready"], 10)
    assert client.raw("GET", "/livez")[0] == 200
    status_, _, text = client.raw("GET", "/readyz")
    assert status_ == 503
    assert b"[-]broker failed since" in text
    assert b": connection refused\n" in text
    heard = rig.service.columns.last_seen("box-1")
    (broker,) = (one for one in client.get("/api/v1/health")["parts"] if not one["ok"])
    assert broker["since"] == pytest.approx(heard)
    for path in ("/api/v1/nodes", "/api/v1/nodes/nobody"):
        warning = client.raw("GET", path)[1]["warning"]
        assert warning.startswith('299 skerry "the hub hears no box since 20')
    assert "warning" not in client.raw("GET", "/metrics")[1]
    metrics = client.raw("GET", "/metrics")[2].decode()
    assert 'skerry_part_ok{part="broker"} 0.0' in metrics
    assert 'skerry_part_ok{part="store"} 1.0' in metrics
    rig.broker.come_back()
    wait_for("that to be over", lambda: client.raw("GET", "/readyz")[0] == 200, 10)
    assert "warning" not in client.raw("GET", "/api/v1/nodes")[1]


def test_while_heartbeats_cannot_come_it_is_not_ready(client, rig):
    rig.service.on_beating(False, "heartbeats: connection lost")
    wait_for("that to be seen", lambda: client.raw("GET", "/readyz")[0] == 503, 10)
    assert b"heartbeats: connection lost" in client.raw("GET", "/readyz")[2]


@pytest.mark.sqlite_file
def test_a_store_that_fails_is_told_and_one_that_works_again_too(client, rig, tmp_path):
    database = sqlite3.connect(tmp_path / "hub.db", timeout=30)
    database.execute("ALTER TABLE outbox RENAME TO away")
    database.commit()
    wait_for("that to be seen", lambda: client.raw("GET", "/readyz")[0] == 503, 15)
    assert b"[-]store failed since" in client.raw("GET", "/readyz")[2]
    assert client.raw("GET", "/livez")[0] == 200
    database.execute("ALTER TABLE away RENAME TO outbox")
    database.commit()
    database.close()
    assert client.apply()[0] == 200
    assert client.raw("GET", "/readyz")[0] == 200


def test_a_hub_whose_writer_has_ended_lives_no_more(client, rig):
    rig.service.stop()
    for path in ("/livez", "/healthz", "/readyz"):
        status_, _, data = client.raw("GET", path)
        assert (status_, b"writer" in data) == (503, True)


def test_a_warning_is_one_line_of_ascii_whatever_a_broker_says():
    reason = 'no "route"\r\nSet-Cookie: \\x\x1b[31mé' + "x" * 1000
    text = warning_of(PartView(name="broker", ok=False, since=0.0, reason=reason))
    assert text.isascii()
    assert text.isprintable()
    assert text.count('"') == 2
    assert len(text) < 400
    assert "since 1970-01-01T00:00:00Z, for want of a connection to its broker (no route" in text
