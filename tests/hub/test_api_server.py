"""The API over TLS: what is spoken, and a certificate that is taken up while it serves."""

import http.client
import socket
import ssl
import subprocess
import threading
import time

import pytest
from fastapi import FastAPI
from tests.hub.pki.certificates import CA, OTHER_CA

from lab.processes import wait_for
from skerry_hub.api_server import ApiServer
from skerry_hub.pki import own_certificates
from skerry_hub.pki.own_certificates import BROKER, FOLDER, HUB
from skerry_wire.joining import HUB_NAME

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def certificate(tmp_path):
    own_certificates.renew(tmp_path, CA, NAMES, time.time() - 7200, 7200)
    own_certificates.renew(tmp_path, CA, NAMES, time.time(), 7200)
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    return tmp_path / FOLDER / HUB


class Served:
    """A server in a thread; `port` is where."""

    def __init__(self, certificate, **options):
        app = FastAPI()
        app.get("/")(lambda: "hello")
        self.server = ApiServer(app, certificate, **options)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        wait_for("the server", lambda: self.server.started)

    def stop(self):
        self.server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def served(certificate):
    served = Served(certificate)
    yield served
    served.stop()


def trusting(authority=CA):
    # The authority of these tests is from another year.
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return context


def connect(served, name="localhost", context=None):
    plain = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    return (context or trusting()).wrap_socket(plain, server_hostname=name)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", HUB_NAME])
def test_it_is_found_under_its_names(served, name):
    with connect(served, name) as secured:
        assert secured.version() in ("TLSv1.2", "TLSv1.3")


def test_under_no_other_and_for_nobody_who_trusts_another(served):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        connect(served, "broker.skerry.internal")
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        connect(served, context=trusting(OTHER_CA))


def test_a_brokers_certificate_does_not_stand_for_the_hub(certificate):
    served = Served(certificate.with_name(BROKER))
    try:
        connect(served).close()
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            connect(served, HUB_NAME)
    finally:
        served.stop()


def test_http_is_answered(served):
    connection = http.client.HTTPSConnection("localhost", served.port, context=trusting())
    connection.request("GET", "/")
    assert connection.getresponse().read() == b'"hello"'
    connection.close()


@pytest.mark.parametrize(
    ("option", "accepted"),
    [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)],
)
def test_openssl_is_answered_from_tls_1_2_on(served, tmp_path, option, accepted):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{served.port}", option,
         "-cipher", "DEFAULT@SECLEVEL=0", "-CAfile", "ca.pem", "-no_check_time",
         "-verify_return_error", "-verify_hostname", HUB_NAME],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert ("Verify return code: 0" in done.stdout and done.returncode == 0) is accepted, done


def test_a_new_certificate_is_shown_without_a_restart_and_connections_go_on(served, tmp_path):
    with connect(served) as before:
        first = before.getpeercert(binary_form=True)
        (tmp_path / FOLDER / HUB).unlink()
        own_certificates.renew(tmp_path, CA, NAMES, time.time(), 7200)
        with connect(served) as meanwhile:
            assert meanwhile.getpeercert(binary_form=True) == first
        served.server.take_up_certificate()

        def shown():
            with connect(served) as secured:
                return secured.getpeercert(binary_form=True)

        wait_for("the new certificate", lambda: shown() != first, 5)
        before.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert before.recv(4096).startswith(b"HTTP/1.1 200")


def test_connections_come_and_go_while_certificates_are_taken_up(served, tmp_path):
    stop, failures = threading.Event(), []

    def connect_on():
        while not stop.is_set():
            try:
                connect(served).close()
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=connect_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        (tmp_path / FOLDER / HUB).unlink()
        own_certificates.renew(tmp_path, CA, NAMES, time.time(), 7200)
        served.server.take_up_certificate()
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_who_begins_no_tls_is_left(certificate):
    served = Served(certificate, handshake_s=0.5)
    try:
        for first in (b"", b"\x16\x03\x01"):
            begun = time.monotonic()
            with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
                connection.sendall(first)
                assert connection.recv(1) == b""
            assert time.monotonic() - begun < 5
        with connect(served):
            time.sleep(1.0)  # who has begun is not
    finally:
        served.stop()


def test_without_a_certificate_it_speaks_plain_http():
    served = Served(None)
    try:
        served.server.take_up_certificate()
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        served.stop()
