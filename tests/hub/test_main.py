"""`skerry-hub` as a person starts and ends it: real processes, exit statuses, what they say."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from cryptography.hazmat.primitives import serialization

from lab.processes import Process, free_port, wait_for
from skerry_hub import serving
from skerry_hub.main import COMMANDS
from skerry_wire import __version__

HUB = [sys.executable, "-m", "skerry_hub.main"]


def run(*words, **environment):
    return subprocess.run(
        [*HUB, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def fails(done, status, *says):
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for text in says:
        assert text in done.stderr


class Hub(Process):
    """One that runs, with its own broker."""

    def __init__(self, folder, data=None, **environment):
        self.port, self.mqtt_port = free_port(), free_port()
        self.data = data or folder / "data"
        where = ["--listen", f"127.0.0.1:{self.port}", "--mqtt-port", str(self.mqtt_port)]
        command = [*HUB, "serve", "--data", str(self.data), *where, "--auth", "off"]
        super().__init__("hub", command, folder, environment)
        wait_for("the hub", self._answers)

    def _answers(self):
        assert self.alive, self.log()
        with contextlib.suppress(OSError):
            return self.get("/healthz") == b"ok\n"

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read()


@pytest.fixture
def hub(tmp_path):
    if not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("mosquitto is not installed; ./dev test installs it")
    hub = Hub(tmp_path)
    yield hub
    hub.stop()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- words --------------------------------------------------------------------------------


def test_version_and_help():
    assert run("version").stdout == f"skerry-hub {__version__}\n"
    told = run("serve", "--help")
    assert told.returncode == 0
    for option in ("--data", "--listen", "--broker", "--mqtt-port", "--database"):
        assert option in told.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "COMMAND"),
        (("nonsense",), "nonsense"),
        (("serve",), "--data DIR is missing"),
        (("serve", "--data", "x", "--listen", "nowhere"), "--listen"),
        (("serve", "--data", "x", "--broker", "http://h"), "--broker"),
        (("serve", "--data", "x", "--nonsense"), "--nonsense"),
        (("key",), "--data"),
    ],
)
def test_wrong_usage_is_status_2_and_names_the_word(words, says):
    fails(run(*words), 2, says)


def test_a_setting_may_come_from_the_environment():
    fails(run("serve", SKERRY_HUB_DATA="x", SKERRY_HUB_LISTEN="nowhere"), 2, "--listen 'nowhere'")


@pytest.mark.parametrize("words", [("key",), ("ca",), ("reader-certificate", "grafana")])
def test_the_key_of_a_folder_without_one_is_said(tmp_path, words):
    fails(run(*words, "--data", tmp_path), 1, "No such file", "first start")


# --- what cannot be started ---------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    fails(run("serve", "--data", tmp_path / "file" / "data"), 1, "Not a directory", "file")


def test_a_key_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "order-key").write_text("x")
    (tmp_path / "order-key").chmod(0o644)
    fails(run("serve", "--data", tmp_path), 1, "chmod 600")


def test_an_address_in_use_is_said_before_anything_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("serve", "--data", tmp_path, "--listen", where)
    fails(done, 1, where, "in use")
    assert not (tmp_path / "mosquitto").exists()


def test_a_database_that_cannot_be_reached_is_said_without_its_password(tmp_path):
    url = "postgresql://hub:geheim@127.0.0.1:1/hub"
    where = ["--listen", f"127.0.0.1:{free_port()}"]
    done = run("serve", "--data", tmp_path, *where, "--database", url)
    fails(done, 1, "cannot be used", "127.0.0.1")
    assert "geheim" not in done.stderr


def test_a_damaged_database_is_said(tmp_path):
    (tmp_path / "hub.db").write_bytes(b"no database" * 1000)
    where = ["--listen", f"127.0.0.1:{free_port()}"]
    fails(run("serve", "--data", tmp_path, *where), 1, "hub.db", "not a database")


# --- one that runs ------------------------------------------------------------------------


def test_a_hub_serves_keeps_its_folder_to_itself_and_ends_in_good_order(hub):
    data = hub.data
    assert data.stat().st_mode & 0o777 == 0o700
    for path in data.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    key = run("key", "--data", data)
    assert len(base64.b64decode(key.stdout)) == 32
    fails(run("serve", "--data", data), 1, "another hub is using this data folder")
    assert hub.get("/api/v1/nodes") == b'{"items":[]}'
    assert hub.stop() == 0
    assert "'ended'" in hub.log(), "it said good-bye"
    assert not listens(hub.mqtt_port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_ends_it_with_status_0(hub, number):
    os.kill(hub.pid, number)
    wait_for("its end", lambda: not hub.alive)
    assert hub.stop() == 0
    assert "Traceback" not in hub.log()


def test_a_hub_that_is_killed_starts_again_with_its_key_and_leaves_no_broker(hub, tmp_path):
    key = (hub.data / "order-key.pub").read_text()
    presence = json.loads(hub.get("/openapi.json"))["info"]
    hub.kill()
    wait_for("its broker's end", lambda: not listens(hub.mqtt_port))
    again = Hub(tmp_path, data=hub.data)
    try:
        assert (again.data / "order-key.pub").read_text() == key
        assert json.loads(again.get("/openapi.json"))["info"] == presence
    finally:
        again.stop()


def test_a_hub_without_mosquitto_says_what_to_install(tmp_path):
    if any(pathlib.Path(f"/usr{place}/sbin/mosquitto").exists() for place in ("", "/local")):
        pytest.skip("it is found in /usr/sbin whatever PATH says")
    where = ["--listen", f"127.0.0.1:{free_port()}"]
    done = run("serve", "--data", tmp_path, *where, PATH="/nowhere")
    fails(done, 1, "mosquitto is not installed", "--broker")


def test_no_private_key_is_in_the_database(hub):
    hub.stop()
    keys = [
        path for path in hub.data.iterdir() if path.name in ("ca-key", "order-key", "secret-key")
    ]
    assert len(keys) == 3
    database = b"".join(path.read_bytes() for path in hub.data.glob("hub.db*"))
    assert database
    for path in keys:
        content = path.read_bytes()
        lines = [line for line in content.splitlines() if not line.startswith(b"-----")]
        secret = lines[0] if content.startswith(b"-----") else content
        assert len(secret) >= 32, path
        assert secret not in database
        if content.startswith(b"-----"):
            raw = serialization.load_pem_private_key(content, None).private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            assert raw not in database


def test_an_answer_of_the_api_is_sent_at_once():
    with serving._listen("127.0.0.1", 0) as listening, socket.socket() as near:
        near.connect(listening.getsockname())
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_request_under_way_when_it_is_told_to_end_is_answered_and_what_it_asked_for_kept(
    hub, tmp_path
):
    text = 'name: shop\nservices: {web: {image: "localhost/web:1"}}\n'
    body = json.dumps({"files": [{"name": "shop.yaml", "text": text}]}).encode()
    head = (
        f"POST /api/v1/apply HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", hub.port), 30) as asking:
        asking.sendall(head + body[:20])
        time.sleep(0.5)
        os.kill(hub.pid, signal.SIGTERM)
        time.sleep(0.5)
        assert hub.alive
        asking.sendall(body[20:])
        answered = asking.recv(65536)
    assert answered.startswith(b"HTTP/1.1 200 "), answered
    wait_for("its end", lambda: not hub.alive)
    assert hub.stop() == 0
    again = Hub(tmp_path, data=hub.data)
    try:
        assert json.loads(again.get("/api/v1/workloads"))["items"][0]["name"] == "shop-web"
    finally:
        again.stop()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_little_before_it_has_something_to_do(command):
    """A container asks `healthcheck` all day; placement, database and API take half a second."""
    program = (
        "import contextlib, sys; from skerry_hub.main import main\n"
        f"with contextlib.suppress(SystemExit): main([{command!r}, '--help'])\n"
        "heavy = {'numpy', 'sqlalchemy', 'fastapi', 'alembic'}; "
        "sys.exit(','.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert f"usage: skerry-hub {command}" in done.stdout
