"""`skerry-hub broker`: a mosquitto by the files of a folder."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from lab.processes import free_port, wait_for
from lab.secured import Client, SecuredBroker
from skerry_hub import mosquitto_conf

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)
PRESENCE = "skerry/v1/hub/presence"


@pytest.fixture
def made(tmp_path):
    return SecuredBroker(tmp_path / "hub", free_port())


class Command:
    """The command as a process."""

    def __init__(self, folder, log, *words):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "skerry_hub.main", "broker", "--folder", folder, *words],
                stderr=output, stdout=output,
            )  # fmt: skip

    def said(self, text):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        return text in self.log.read_text()

    def mosquitto(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def end(self):
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def command(made, tmp_path):
    commands = []

    def start(*words):
        commands.append(Command(made.folder, tmp_path / "log", *words))
        return commands[-1]

    yield start
    for one in commands:
        one.process.kill()
        one.process.wait()


def reached(made, node="box-1"):
    try:
        client = Client(made, made.certificates.node(node))
    except OSError:
        return False
    client.stop()
    return client.refused is None


def test_it_waits_for_the_files_says_which_and_ends_in_order(made, command):
    running = command()
    wait_for("it to wait", lambda: running.said("waiting for a hub's files"))
    assert running.said("mosquitto.conf, acl, crl.pem, ca.pem, broker.pem")
    made.write()
    wait_for("it to serve", lambda: reached(made))
    mosquitto = running.mosquitto()
    assert running.end() == 0
    assert not pathlib.Path(f"/proc/{mosquitto}").exists()


def test_it_reads_lists_and_certificate_again_and_starts_anew_for_another_configuration(
    made, command
):
    made.write()
    running = command()
    wait_for("it to serve", lambda: reached(made))
    mosquitto = running.mosquitto()
    made.revoked[made.certificates.serial(made.certificates.node("box-1"))] = 1.0
    made.write()
    wait_for("the list to hold", lambda: not reached(made))
    assert reached(made, "box-2")
    assert running.mosquitto() == mosquitto
    made.port = free_port()
    assert mosquitto_conf.CONF in made.write()
    wait_for("it on another port", lambda: reached(made, "box-2"))
    assert running.mosquitto() != mosquitto


def test_it_ends_with_1_when_mosquitto_does(made, command):
    made.write()
    running = command()
    wait_for("it to serve", lambda: reached(made))
    os.kill(running.mosquitto(), signal.SIGKILL)
    assert running.process.wait(30) == 1


@pytest.mark.parametrize("keeps", [True, False])
def test_what_it_keeps_over_an_end_is_in_a_folder_of_its_own_if_there_is_one(
    made, command, tmp_path, keeps
):
    made.write()
    words = ["--state", str(tmp_path / "state")] if keeps else []
    running = command(*words)
    wait_for("it to serve", lambda: reached(made))
    hub = Client(made, made.certificates.hub())
    assert hub.say(PRESENCE, b"kept", retain=True) in (0, 16)
    hub.stop()
    assert running.end() == 0
    assert {one.name for one in made.folder.iterdir()} == set(mosquitto_conf.FILES)
    command(*words)
    wait_for("it to serve again", lambda: reached(made))
    box = Client(made, made.certificates.node("box-1"))
    box.hear(PRESENCE)
    assert box.drain() == ([(PRESENCE, b"kept", True)] if keeps else [])
    box.stop()
    if keeps:
        saved = tmp_path / "state" / mosquitto_conf.SAVED
        wait_for("what was read to be removed", lambda: not saved.exists())


def test_a_missing_folder_is_wrong_usage():
    done = subprocess.run(
        [sys.executable, "-m", "skerry_hub.main", "broker"], capture_output=True, text=True,
        env={**os.environ, "SKERRY_HUB_BROKER_FOLDER": ""},
    )  # fmt: skip
    assert (done.returncode, "--folder DIR is missing" in done.stderr) == (2, True)


def test_the_configuration_is_printed_whole_or_file_by_file():
    def printed(*words):
        command = [sys.executable, "-m", "skerry_hub.main", "broker-config", *words]
        return subprocess.run(command, capture_output=True, text=True)

    conf = printed("conf", "--listen", "10.0.0.1:8884", "--folder", "/srv/b").stdout
    assert "\nlistener 8884 10.0.0.1\n" in conf
    assert "\ncrlfile /srv/b/crl.pem\n" in conf
    acl = printed("acl", "--reader", "grafana").stdout
    assert "\nuser skerry:reader:grafana\n" in acl
    former = printed("acl", "--reader", "grafana", "--removed-reader", "erp").stdout
    assert former.startswith(acl)
    assert former.endswith("user skerry:reader:erp\ntopic deny #\n")
    whole = printed("--reader", "grafana").stdout
    assert acl in whole
    assert "SIGHUP" in whole
    for words in (
        ["--listen", "x"],
        ["--reader", "A b"],
        ["--removed-reader", "A b"],
        ["--folder", "a b"],
    ):
        assert printed(*words).returncode == 2, json.dumps(words)
