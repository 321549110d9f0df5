"""An agent on a box that has not joined: it waits, and costs nothing."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from tests.agent.test_joined import KEPT

from lab.processes import Process, wait_for
from skerry_agent import joined
from skerry_agent.journal import Journal


@pytest.fixture
def box(tmp_path):
    (tmp_path / "state").mkdir()
    settings = tmp_path / "agent.toml"
    settings.write_text(f'state = "{tmp_path}/state"\ncontrol = "{tmp_path}/c"\n')
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(30)
    environment = {
        "PYTHONPATH": ":".join(filter(None, sys.path)),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    command = [sys.executable, "-m", "skerry_agent.main", "run", "--config", settings]
    box = Process("agent", command, tmp_path, environment)
    box.folder, box.settings, box.told = tmp_path, settings, listener
    yield box
    box.stop()
    listener.close()


def test_it_is_ready_says_what_to_do_and_makes_nothing_up(box):
    assert box.told.recv(1000) == b"READY=1"
    assert b"STATUS=waits for" in box.told.recv(1000)
    box.wait_for_log("skerry-agent join")
    assert list((box.folder / "state").iterdir()) == [], "who it is may be said by the join"


def test_it_sleeps(box):
    box.wait_for_log("has not joined")
    stat = f"/proc/{box.pid}/stat"

    def ticks():
        with open(stat) as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))

    before = ticks()
    time.sleep(3)
    assert ticks() - before <= 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_asked_to(box, number):
    box.wait_for_log("has not joined")
    os.kill(box.pid, number)
    wait_for("its end", lambda: not box.alive, 10)
    assert box.exit_status == 0


def test_a_reload_without_a_join_changes_nothing_and_says_nothing_twice(box):
    box.wait_for_log("has not joined")
    os.kill(box.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert box.alive
    assert box.log().count("has not joined") == 1


def test_settings_that_are_wrong_meanwhile_do_not_end_it(box):
    box.wait_for_log("has not joined")
    box.settings.write_text("colour = 1")
    os.kill(box.pid, signal.SIGHUP)
    box.wait_for_log("there is no setting 'colour'")
    box.settings.write_text(f'state = "{box.folder}/state"\nbroker = "mqtt://127.0.0.1:9"\n')
    os.kill(box.pid, signal.SIGHUP)
    box.wait_for_log("node ")
    box.wait_for_log("127.0.0.1:9")


def test_it_works_as_soon_as_it_is_told_that_the_box_has_joined(box):
    box.wait_for_log("has not joined")
    (box.folder / "state" / "joined").mkdir()
    (box.folder / "state" / "joined" / "hub.json").write_bytes(joined.to_bytes(KEPT))
    os.kill(box.pid, signal.SIGHUP)
    box.wait_for_log("broker mqtts://broker:8883")


def test_a_box_that_lost_what_it_joined_with_looks_after_what_it_ran(tmp_path):
    # It has an identity: so there may be an order to carry out, hub or no hub.
    journal = Journal(tmp_path / "state")
    journal.identity("box-1")
    journal.close()
    settings = tmp_path / "agent.toml"
    settings.write_text(f'state = "{tmp_path}/state"\ncontrol = "{tmp_path}/c"\n')
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    command = [sys.executable, "-m", "skerry_agent.main"]
    box = Process("agent", [*command, "run", "--config", settings], tmp_path, environment)
    try:
        box.wait_for_log("node box-1")
        box.wait_for_log("nobody has told this box where its broker is")
        done = subprocess.run(
            [*command, "status", "--config", settings],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        assert "not known" in done.stdout
    finally:
        assert box.stop() == 0
