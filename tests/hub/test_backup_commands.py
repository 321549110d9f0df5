"""`skerry-hub backup`, `restore` and `healthcheck` as a person calls them: real processes."""

import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from tests.hub.store_contents import commit, everything

from lab.processes import free_port
from skerry_hub import keys, secret_key
from skerry_hub.pki import authority, own_certificates
from skerry_hub.store_opening import open_store

HUB = [sys.executable, "-m", "skerry_hub.main"]


def run(*words, data=None, **environment):
    return subprocess.run(
        [*HUB, *map(str, words)], input=data, capture_output=True, env={**os.environ, **environment}
    )


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    keys.load_or_make(folder)
    secret_key.load_or_make(folder)
    store = open_store(f"sqlite:///{folder / 'hub.db'}")
    commit(store, store.load(), everything)
    store.setting("id", "0a0b0c0d")
    store.close()
    return folder


def test_of_a_database_without_a_hub_there_is_no_backup(folder, tmp_path):
    """An empty one that was made beside the hub's own would be restored as an empty fleet."""
    (folder / "hub.db").unlink()
    open_store(f"sqlite:///{folder / 'hub.db'}").close()
    done = run("backup", "--data", folder, "-o", tmp_path / "x")
    assert (done.returncode, b"none in which a hub has run" in done.stderr) == (1, True)
    assert not (tmp_path / "x").exists()


def test_in_a_folder_so_many_are_kept_the_newest(folder, tmp_path):
    place = tmp_path / "backups"
    place.mkdir()
    old = [place / f"hub-2026010{day}T032300Z.skerry-backup" for day in range(1, 4)]
    for one in (*old, place / "mine.skerry-backup"):
        one.write_bytes(b"x")
    assert run("backup", "--data", folder, "-o", place, "--keep", "2").returncode == 0
    (new,) = set(place.iterdir()) - {*old, place / "mine.skerry-backup"}
    assert new.stat().st_mode & 0o777 == 0o600
    assert set(place.iterdir()) == {old[2], new, place / "mine.skerry-backup"}
    later = place / "hub-20990101T032300Z.skerry-backup"
    later.write_bytes(b"x")
    (place / f".{later.name}.123").write_bytes(b"half of one that was killed")
    before = set(place.iterdir())
    assert run("backup", "--data", folder, "-o", place, "--keep", "1").returncode == 0
    (newest,) = set(place.iterdir()) - before
    assert set(place.iterdir()) == {newest, place / "mine.skerry-backup"}
    for words in (("-o", place, "--keep", "0"), ("-o", tmp_path / "x", "--keep", "2")):
        assert run("backup", "--data", folder, *words).returncode == 2


def test_what_is_no_file_stays_what_it_is(folder, tmp_path):
    pipe, link, real = tmp_path / "pipe", tmp_path / "link", tmp_path / "real"
    os.mkfifo(pipe)
    real.write_bytes(b"old")
    link.symlink_to(real)
    taken = []
    reader = threading.Thread(target=lambda: taken.append(pipe.read_bytes()))
    reader.start()
    assert run("backup", "--data", folder, "-o", pipe).returncode == 0
    reader.join(10)
    assert pipe.is_fifo()
    assert taken[0][:2] == b"\x1f\x8b"
    assert run("backup", "--data", folder, "-o", link).returncode == 0
    assert link.is_symlink()
    assert real.read_bytes()[:2] == b"\x1f\x8b"


def test_a_backup_is_one_file_for_its_owner_alone_and_comes_back(folder, tmp_path):
    backup, target = tmp_path / "hub.skerry-backup", tmp_path / "target"
    done = run("backup", "--data", folder, "-o", backup)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    assert b"who reads it owns the fleet" in done.stderr
    assert backup.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".*")) == []
    checked = run("restore", backup, "--check")
    assert checked.returncode == 0, checked.stderr
    assert b"could be restored: 2 nodes, 1 workloads" in checked.stdout
    assert not target.exists()
    restored = run("restore", backup, SKERRY_HUB_DATA=str(target))
    assert restored.returncode == 0, restored.stderr
    assert b"is restored: 2 nodes, 1 workloads" in restored.stdout
    again = run("restore", backup, "--data", target)
    assert again.returncode == 1
    assert b"nothing was restored: there is a hub already" in again.stderr
    assert run("restore", backup, "--data", target, "--force").returncode == 0


def test_a_backup_goes_through_a_pipe_and_nothing_else_is_written_there(folder, tmp_path):
    made = run("backup", "--data", folder, "-o", "-")
    assert made.returncode == 0, made.stderr
    target = tmp_path / "target"
    restored = run("restore", "-", "--data", target, data=made.stdout)
    assert restored.returncode == 0, restored.stderr


def test_the_digest_that_is_told_is_wanted_again(folder, tmp_path):
    backup, target = tmp_path / "hub.skerry-backup", tmp_path / "target"
    said = run("backup", "--data", folder, "-o", backup).stderr.decode()
    sha256 = hashlib.sha256(backup.read_bytes()).hexdigest()
    assert f"its SHA-256 is {sha256}: keep that elsewhere" in said
    piped = run("backup", "--data", folder, "-o", "-")
    assert hashlib.sha256(piped.stdout).hexdigest() in piped.stderr.decode()
    other = hashlib.sha256(b"other").hexdigest()
    for where in (["--check"], ["--data", target]):
        for name, data in ((backup, None), ("-", backup.read_bytes())):
            refused = run("restore", name, *where, "--sha256", other, data=data)
            assert refused.returncode == 1
            assert f"its SHA-256 is {sha256}, and {other} is wanted" in refused.stderr.decode()
    assert not list(target.glob("*key*"))
    done = run("restore", backup, "--data", target, "--sha256", sha256)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_what_root_restores_is_the_hubs_own(folder):
    made = run("backup", "--data", folder, "-o", "-")
    place = pathlib.Path(tempfile.mkdtemp(prefix="skerry-restore-", dir="/var/tmp"))
    try:
        place.chmod(0o755)
        target = place / "data"
        target.mkdir(mode=0o700)
        os.chown(target, 12345, 0)
        restored = run("restore", "-", "--data", target, data=made.stdout)
        assert restored.returncode == 0, restored.stderr
        assert {one.stat().st_uid for one in target.iterdir()} == {12345}
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("backup", "-o", "x"), 2, "--data DIR is missing"),
        (("backup", "--data", "."), 2, "--output"),
        (("backup", "--data", "/nowhere", "-o", "x"), 1, "has no hub"),
        (("restore", "/nowhere", "--data", "x"), 1, "/nowhere: No such file"),
        (("restore", "/dev/null", "--check"), 1, "it is damaged, or no backup"),
        (("healthcheck", "--listen", "nowhere"), 2, "--listen"),
        (("healthcheck", "--port", "99999"), 2, "--port"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(words, status, says, tmp_path):
    done = subprocess.run([*HUB, *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_cannot_be_written_leaves_no_half_of_one(folder, tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    there = tmp_path / "nowhere" / "backup"
    done = run("backup", "--data", folder, "-o", there)
    assert done.returncode == 1
    assert b"No such file" in done.stderr
    with pathlib.Path("/dev/full").open("wb") as full:
        done = subprocess.run([*HUB, "backup", "--data", str(folder), "-o", "-"], stdout=full,
                              stderr=subprocess.PIPE)  # fmt: skip
    assert done.returncode == 1
    assert b"No space left" in done.stderr


# --- healthcheck --------------------------------------------------------------------------


class Server(threading.Thread):
    """Answers each request with one answer, over TLS where it has a context."""

    def __init__(self, answer, context=None):
        super().__init__(daemon=True)
        self._answer, self._context = answer, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.asked = b""

    def run(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                try:
                    if self._context is not None:
                        connection = self._context.wrap_socket(connection, server_side=True)
                    self.asked = connection.recv(65536)
                    connection.sendall(self._answer)
                    connection.close()
                except OSError:
                    continue

    def end(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def answer(status, text):
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


@pytest.fixture
def server(request):
    server = Server(*request.param)
    server.start()
    yield server
    server.end()


@pytest.mark.parametrize("server", [(answer(200, "ok\n"),)], indirect=True)
def test_a_hub_that_answers_is_well(server):
    where = ("--listen", f"0.0.0.0:{server.port}", "--tls", "no")
    done = run("healthcheck", *where)
    assert (done.returncode, done.stdout) == (0, b"ok\n"), done.stderr
    assert server.asked.startswith(b"GET /livez ")
    assert run("healthcheck", *where, "--ready").returncode == 0
    assert server.asked.startswith(b"GET /readyz ")
    assert run("healthcheck", "--port", server.port).returncode == 0


@pytest.mark.parametrize(
    "server", [(answer(503, "[-]store failed"),), (b"nonsense\r\n",)], indirect=True
)
def test_a_hub_that_does_not_work_is_not_well(server):
    done = run("healthcheck", SKERRY_HUB_LISTEN=f"127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


@pytest.fixture
def tls(tmp_path):
    """Data folders of two hubs, and a server with the certificate of the first."""
    contexts = []
    for name in ("mine", "other"):
        folder = tmp_path / name
        folder.mkdir()
        mine = authority.load_or_make(folder, time.time())
        own_certificates.renew(folder, mine, ["hub.example"], time.time(), 9e6)
        contexts.append(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        contexts[-1].load_cert_chain(folder / own_certificates.FOLDER / own_certificates.HUB)
    server = Server(answer(200, "ok\n"), contexts[0])
    server.start()
    yield tmp_path, server
    server.end()


def test_over_tls_it_is_this_hub_that_must_answer(tls):
    folder, server = tls
    where = ("--listen", f"0.0.0.0:{server.port}")
    assert run("healthcheck", *where, "--data", folder / "mine").returncode == 0
    other = run("healthcheck", *where, "--data", folder / "other")
    assert other.returncode == 1
    assert b"verify failed" in other.stderr
    assert run("healthcheck", *where, "--data", folder / "none").returncode == 1


def test_where_nothing_listens_nothing_is_well():
    port = free_port()
    assert run("healthcheck", "--listen", f"127.0.0.1:{port}").returncode == 1
    assert run("healthcheck", "--port", port).returncode == 1
