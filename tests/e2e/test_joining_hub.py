"""Joining at a real hub: the line that `skerry token create` prints, TLS, renewal, a restart."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tests.hub.pki.certificates import private, request

from lab.processes import Process, free_port, wait_for

pytestmark = pytest.mark.e2e


class Hub(Process):
    """A hub that speaks TLS, as on an address that others reach."""

    def __init__(self, folder, data, port, *options):
        self.data, self.port = data, port
        super().__init__(
            "hub",
            [sys.executable, "-m", "skerry_hub.main", "serve", "--data", str(data),
             "--listen", f"127.0.0.1:{port}", "--tls", "yes", "--auth", "off",
             "--mqtt-port", str(free_port()), "--name", "localhost", *options],
            folder,
        )  # fmt: skip
        wait_for("the hub", self._answers)

    def _answers(self):
        assert self.alive, self.log()
        with contextlib.suppress(OSError):
            return self.ask("GET", "/healthz")[0] == 200

    def context(self):
        context = ssl.create_default_context(cafile=self.data / "ca.pem")
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def ask(self, method, path, body=None):
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=self.context(), timeout=20
        )
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None):
        status, data = self.ask(method, path, body)
        return status, json.loads(data)

    def cli(self, *words):
        return subprocess.run(
            [sys.executable, "-m", "skerry_cli", "--hub", f"https://localhost:{self.port}",
             "--ca-file", str(self.data / "ca.pem"), *words],
            capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip

    def shown(self):
        """Return the serial number of the certificate that it shows."""
        with contextlib.closing(
            http.client.HTTPSConnection("localhost", self.port, context=self.context())
        ) as connection:
            connection.connect()
            return connection.sock.getpeercert()["serialNumber"]


@pytest.fixture
def start(tmp_path):
    started = []
    port = free_port()

    def run(*options):
        hub = Hub(tmp_path, tmp_path / "data", port, *options)
        started.append(hub)
        return hub

    yield run
    for hub in started:
        hub.stop()


def words_of(hub):
    done = hub.cli("token", "create", "--ttl", "1h", "--uses", "1", "--label", "site=quay-3")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    words = shlex.split(line)
    assert words[:4] == ["sudo", "skerry-agent", "join", f"https://localhost:{hub.port}"]
    return dict(zip(words[4::2], words[5::2], strict=True))


def test_a_box_does_what_the_printed_line_tells(start, tmp_path):
    hub = start()
    told = words_of(hub)
    # First whom to trust: over a connection that proves nothing, by the pin alone.
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    first = http.client.HTTPSConnection("localhost", hub.port, context=unverified)
    first.request("GET", "/ca.pem")
    authority = first.getresponse().read().decode()
    first.close()
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority)).hexdigest()
    assert told["--ca-pin"] == f"sha256:{digest}"
    key = ec.generate_private_key(ec.SECP256R1())
    body = {"token": told["--token"], "csr": request(key), "node": "box-1"}
    status, found = hub.json("POST", "/api/v1/join", body)
    assert (status, found["node"], found["ca"]) == (200, "box-1", authority)
    assert found["hubs"] == [f"https://localhost:{hub.port}"]
    public = (tmp_path / "data" / "order-key.pub").read_text().strip()
    assert found["order_keys"] == [public]
    (tmp_path / "box.pem").write_bytes(private(key) + found["certificate"].encode())
    ssl.create_default_context().load_cert_chain(tmp_path / "box.pem")
    shown = hub.cli("node", "certificates", "box-1").stdout
    assert "site=quay-3" in shown
    assert "anonymous" in shown or "Let in by" not in shown
    assert hub.cli("node", "revoke", "box-1", "--yes").stdout == "node/box-1 revoked\n"
    assert hub.json("POST", "/api/v1/renew", {"csr": request(key)})[0] == 403
    serial = x509.load_pem_x509_certificate(found["certificate"].encode()).serial_number
    listed = x509.load_pem_x509_crl((hub.data / "crl.pem").read_bytes())
    assert {one.serial_number for one in listed} == {serial}
    assert told["--token"] not in hub.log()


def test_a_killed_hub_comes_back_as_the_same_and_knows_who_was_revoked(start):
    hub = start()
    told, key = words_of(hub), ec.generate_private_key(ec.SECP256R1())
    hub.json("POST", "/api/v1/join", {"token": told["--token"], "csr": request(key), "node": "a"})
    hub.json("POST", "/api/v1/nodes/a/revoke")
    shown = hub.shown()
    (hub.data / "crl.pem").unlink()  # as if it had been killed before it was written
    hub.kill()
    again = start()
    pinned = subprocess.run(
        [sys.executable, "-m", "skerry_hub.main", "ca", "--data", str(hub.data), "--pin"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert pinned.stdout.strip() == told["--ca-pin"]
    assert again.shown() == shown
    assert again.json("POST", "/api/v1/renew", {"csr": request(key)})[0] == 403
    assert len(list(x509.load_pem_x509_crl((hub.data / "crl.pem").read_bytes()))) == 1


def test_a_token_for_another_node_changes_nothing_at_a_box_that_is_one(start, tmp_path):
    """As the small hub of the agent's tests has it."""
    hub = start()
    pin = words_of(hub)["--ca-pin"]
    settings, state = tmp_path / "agent.toml", tmp_path / "state"
    settings.write_text(f'state = "{state}"\n')

    def token(*more):
        return json.loads(hub.cli("token", "create", *more, "-o", "json").stdout)["token"]

    def join(token, *more):
        return subprocess.run(
            [sys.executable, "-m", "skerry_agent.main", "join", f"https://localhost:{hub.port}",
             "--token", token, "--ca-pin", pin, "--config", str(settings), "--wait", "0",
             "--trusted-keys", str(tmp_path / "keys"), *more],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    key = ec.generate_private_key(ec.SECP256R1())
    body = {"token": token(), "csr": request(key), "node": "till-2"}
    assert hub.json("POST", "/api/v1/join", body)[0] == 200
    assert join(token(), "--node-id", "till-1").returncode == 0
    kept, for_other = (state / "identity").read_bytes(), token("--node", "till-2")
    done = join(for_other)
    assert done.returncode == 1, done.stdout
    assert "this box is node till-1, and the token is for node till-2" in done.stderr
    assert (state / "identity").read_bytes() == kept
    assert hub.json("POST", "/api/v1/renew", {"csr": request(key)})[0] == 200
    done = join(for_other, "--new-identity")
    assert done.returncode == 0, done.stderr
    assert hub.json("POST", "/api/v1/renew", {"csr": request(key)})[0] == 403


def test_the_hub_renews_its_own_certificate_while_it_serves(start):
    hub = start("--certificate-days", str(6 / 86_400 * 2))  # twelve seconds
    seen = {hub.shown()}
    connection = http.client.HTTPSConnection("localhost", hub.port, context=hub.context())
    connection.connect()
    sock = connection.sock
    end = time.monotonic() + 40
    while len(seen) < 3 and time.monotonic() < end:
        seen.add(hub.shown())
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        time.sleep(0.3)
    assert len(seen) >= 3, "it was renewed twice, and nobody was refused meanwhile"
    assert connection.sock is sock, "over the connection that there was"
    connection.close()
    os.kill(hub.pid, signal.SIGTERM)
    wait_for("its end", lambda: not hub.alive)
    assert "Traceback" not in hub.log()
    assert pathlib.Path(hub.data / "tls" / "hub.pem").stat().st_mode & 0o077 == 0


def test_a_hub_that_is_killed_while_boxes_join_counts_each_once(start):
    """Every box asks until it has an answer, as agents do; the hub is killed again and again."""
    hub = start()
    boxes, deaths = 40, 4
    done = hub.cli("token", "create", "--uses", str(boxes), "-o", "json")
    token = json.loads(done.stdout)["token"]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(boxes)]
    context, joined, over = hub.context(), {}, threading.Event()

    def ask(number):
        body = {"token": token, "csr": request(keys[number]), "node": f"box-{number}"}
        while not over.is_set():
            connection = http.client.HTTPSConnection(
                "localhost", hub.port, context=context, timeout=5
            )
            try:
                connection.request("POST", "/api/v1/join", json.dumps(body))
                answer = connection.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException):  # killed before, or in the middle
                time.sleep(0.05)
                continue
            finally:
                connection.close()
            if answer.status == 200:
                joined.setdefault(number, set()).add(json.loads(data)["certificate"])
                time.sleep(0.3)  # and asks again, as one does whose answer was lost
            elif answer.status in (429, 503):
                time.sleep(0.2)
            else:
                joined.setdefault(number, set()).add(data.decode())
                return

    def get_in():
        with concurrent.futures.ThreadPoolExecutor(boxes) as pool:
            list(pool.map(ask, range(boxes)))

    asking = threading.Thread(target=get_in)
    asking.start()
    try:
        for number in range(deaths):
            wanted = (number + 1) * boxes // (deaths + 1)
            wait_for("some to be in", lambda n=wanted: len(joined) >= n, 60)
            hub.kill()
            hub = start()
        wait_for("all to be in", lambda: len(joined) == boxes, 60)
    finally:
        over.set()
        asking.join(60)
    assert all(len(found) == 1 for found in joined.values()), "each has one certificate, always"
    (view,) = hub.json("GET", "/api/v1/join-tokens")[1]["items"]
    assert view["used"] == boxes
    listed = hub.json("GET", "/api/v1/enrollments")[1]["items"]
    assert len(listed) == boxes
