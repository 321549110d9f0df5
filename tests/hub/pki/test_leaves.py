"""What each kind of certificate may be used for: judged by openssl, and by TLS itself."""

import subprocess

import pytest
from cryptography import x509
from tests.hub.pki.certificates import CA, DAY_S, ED_KEY, KEY, NOW

from skerry_hub.pki import leaves
from skerry_hub.pki.leaves import Stamp

PUBLIC = KEY.public_key()
STAMP = Stamp(serial=4711, now=NOW, life_s=90 * DAY_S)
NAMES = ("hub.example", "192.0.2.1", "2001:db8:0::1")

KINDS = {
    "node": leaves.node(CA, "box-1", PUBLIC, STAMP),
    "hub": leaves.hub(CA, NAMES, PUBLIC, STAMP),
    "beats": leaves.hub_beats(CA, PUBLIC, STAMP),
    "broker": leaves.broker(CA, NAMES, PUBLIC, STAMP),
    "reader": leaves.reader(CA, "grafana", PUBLIC, STAMP),
}


@pytest.mark.parametrize(
    ("kind", "common", "purposes", "names"),
    [
        ("node", "box-1", {"sslclient"}, set()),
        ("hub", "skerry:hub", {"sslclient", "sslserver"}, {*NAMES, "hub.skerry.internal"}),
        ("beats", "skerry:hub-beats", {"sslclient"}, set()),
        ("broker", "skerry:broker", {"sslserver"}, {*NAMES, "broker.skerry.internal"}),
        ("reader", "skerry:reader:grafana", {"sslclient"}, set()),
    ],
)
def test_each_is_for_its_purpose_and_names_alone(tmp_path, kind, common, purposes, names):
    made = KINDS[kind]
    assert leaves.common_name(made) == common
    assert leaves.names_of(made) == {leaves.as_written(name) for name in names}
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    (tmp_path / "leaf.pem").write_text(leaves.pem(made))
    accepted = {
        purpose
        for purpose in ("sslclient", "sslserver", "smimesign", "crlsign", "timestampsign")
        if _verify(tmp_path, "-purpose", purpose)
    }
    assert accepted == purposes


@pytest.mark.parametrize("kind", KINDS)
def test_none_can_sign_another(tmp_path, kind):
    made = KINDS[kind]
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert constraints.critical
    assert not constraints.value.ca
    assert not usage.key_cert_sign
    assert not usage.crl_sign
    assert usage.digital_signature


def test_it_holds_from_an_hour_ago_for_as_long_as_is_said():
    made = KINDS["node"]
    assert made.serial_number == 4711
    assert leaves.issued_at(made) == NOW
    assert leaves.expires_at(made) == NOW + 90 * DAY_S
    assert made.not_valid_before_utc.timestamp() == NOW - 3600


def test_none_outlives_the_authority():
    made = leaves.node(CA, "box-1", PUBLIC, Stamp(serial=1, now=NOW, life_s=DAY_S * 365 * 40))
    assert made.not_valid_after_utc == CA.certificate.not_valid_after_utc


def test_an_ed25519_key_gets_one_too():
    made = leaves.node(CA, "box-1", ED_KEY.public_key(), STAMP)
    assert made.public_key() == ED_KEY.public_key()
    assert CA.has_signed(made)


def test_a_node_is_never_called_as_hub_or_broker_are():
    with pytest.raises(ValueError, match="colon"):
        leaves.node(CA, "skerry:hub", PUBLIC, STAMP)


def test_serial_numbers_are_drawn():
    drawn = {leaves.stamp(NOW, 1).serial for _ in range(1000)}
    assert len(drawn) == 1000
    assert max(drawn).bit_length() <= 160
    assert max(drawn).bit_length() > 150


def _verify(folder, *options):
    command = ["openssl", "verify", "-CAfile", "ca.pem", "-attime", str(int(NOW)), "-x509_strict"]
    return subprocess.run([*command, *options, "leaf.pem"], cwd=folder, capture_output=True,
                          check=False).returncode == 0  # fmt: skip
