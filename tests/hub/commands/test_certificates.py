"""`skerry-hub ca` and `skerry-hub reader-certificate`, on a data folder."""

import hashlib
import ssl
import stat
import subprocess
import sys
import time

import pytest
from cryptography import x509

from skerry_hub import readers
from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.pki import leaves
from skerry_hub.pki.authority import load_or_make
from skerry_hub.store_opening import open_store


def run(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "skerry_hub.main", *words], cwd=folder, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def authority(tmp_path):
    """Make what a hub makes at its first start."""
    open_store(f"sqlite:///{tmp_path / 'hub.db'}").close()
    return load_or_make(tmp_path, time.time())


def test_the_authority_is_printed_with_its_pin(tmp_path, authority):
    done = run(tmp_path, "ca", "--data", ".")
    assert done.stdout.encode() == authority.pem
    der = ssl.PEM_cert_to_DER_cert(done.stdout)
    assert done.stderr == f"sha256:{hashlib.sha256(der).hexdigest()}\n"
    assert run(tmp_path, "ca", "--data", ".", "--pin").stdout == done.stderr


def test_a_damaged_one_is_said(tmp_path, authority):
    (tmp_path / "ca.pem").write_text("nonsense")
    done = run(tmp_path, "ca", "--data", ".")
    assert (done.returncode, "damaged" in done.stderr) == (1, True)


def test_a_reader_gets_a_key_and_a_certificate_in_one_private_file(tmp_path, authority):
    done = run(tmp_path, "reader-certificate", "grafana", "--data", ".", "--days", "30")
    assert done.stdout == "grafana.pem: skerry:reader:grafana, for 30 days\n"
    path = tmp_path / "grafana.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ssl.create_default_context().load_cert_chain(path)
    made = x509.load_pem_x509_certificate(path.read_bytes())
    assert authority.has_signed(made)
    assert leaves.common_name(made) == "skerry:reader:grafana"
    assert leaves.expires_at(made) == pytest.approx(time.time() + 30 * 86_400, abs=60)


def rows(folder):
    store = open_store(f"sqlite:///{folder / 'hub.db'}")
    try:
        with store.reading() as connection:
            found = audit_rows.page(connection, Wanted(), 10)
    finally:
        store.close()
    return [(one.action, dict(one.content)) for one in found]


def test_who_may_read_and_no_more_is_in_the_audit_log(tmp_path, authority):
    assert run(tmp_path, "reader-certificate", "grafana", "--data", ".").returncode == 0
    assert readers.names(tmp_path) == ("grafana",)
    serial = f"{leaves.serial_of((tmp_path / 'grafana.pem').read_bytes()):x}"
    done = run(tmp_path, "reader-certificate", "grafana", "--data", ".", "--remove")
    assert done.stdout == "grafana may read no more\n"
    assert readers.names(tmp_path) == ()
    intent = {"subject": "grafana", "phase": "intent"}
    assert rows(tmp_path) == [
        ("reader create", {**intent, "serial": serial, "days": "365"}),
        ("reader create", {"phase": "outcome", "of": "1", "status": "done"}),
        ("reader remove", intent),
        ("reader remove", {"phase": "outcome", "of": "3", "status": "done"}),
    ]
    again = run(tmp_path, "reader-certificate", "grafana", "--data", ".", "--remove")
    assert again.stdout == "grafana was not on the list, and is denied now\n"
    assert readers.removed(tmp_path) == ("grafana",)


def test_what_the_log_cannot_say_is_not_done(tmp_path, authority):
    (tmp_path / "hub.db").write_bytes(b"no database" * 100)
    done = run(tmp_path, "reader-certificate", "grafana", "--data", ".")
    assert done.returncode == 1
    assert "hub.db" in done.stderr
    assert not (tmp_path / "grafana.pem").exists()
    assert readers.names(tmp_path) == ()


def test_it_overwrites_nothing(tmp_path, authority):
    (tmp_path / "grafana.pem").write_text("mine")
    done = run(tmp_path, "reader-certificate", "grafana", "--data", ".")
    assert (done.returncode, done.stderr) == (
        1,
        f"skerry-hub: {tmp_path / 'grafana.pem'}: File exists\n",
    )
    assert (tmp_path / "grafana.pem").read_text() == "mine"


@pytest.mark.parametrize("words", [("a:b",), ("A",), ("",), ("x", "--days", "0"), ("x" * 40,)])
def test_wrong_usage(tmp_path, authority, words):
    assert run(tmp_path, "reader-certificate", *words, "--data", ".").returncode == 2
