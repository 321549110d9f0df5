"""The authority's file: made once, whole, private; its pin is what openssl says of it."""

import hashlib
import ssl
import stat

import pytest
from cryptography import x509

from skerry_hub.pki import authority
from skerry_hub.pki.authority import PRIVATE, PUBLIC, AuthorityError, load_or_make

NOW = 1_800_000_000.0
YEAR_S = 365 * 86_400


def test_it_is_made_at_the_first_start_and_survives(tmp_path):
    first = load_or_make(tmp_path, NOW)
    again = load_or_make(tmp_path, NOW + YEAR_S)
    assert first.pin == again.pin
    assert first.key.private_numbers() == again.key.private_numbers()
    assert stat.S_IMODE((tmp_path / PRIVATE).stat().st_mode) == 0o600


def test_the_pin_is_the_digest_of_the_der_of_ca_pem(tmp_path):
    made = load_or_make(tmp_path, NOW)
    der = ssl.PEM_cert_to_DER_cert((tmp_path / PUBLIC).read_text())
    assert made.pin == f"sha256:{hashlib.sha256(der).hexdigest()}"


def test_it_signs_leaves_and_lists_alone_for_thirty_years(tmp_path):
    found = load_or_make(tmp_path, NOW).certificate
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign) == (True, True)
    assert not usage.value.digital_signature
    assert found.not_valid_before_utc.timestamp() == NOW - 3600
    assert found.not_valid_after_utc.timestamp() == pytest.approx(NOW + 30 * YEAR_S, abs=3601)


def test_a_lost_or_other_copy_is_written_again_from_the_key_file(tmp_path):
    made = load_or_make(tmp_path, NOW)
    (tmp_path / PUBLIC).write_bytes(load_or_make(tmp_path, NOW).pem[:-20])
    assert load_or_make(tmp_path, NOW).pin == made.pin
    assert (tmp_path / PUBLIC).read_bytes() == made.pem
    (tmp_path / PUBLIC).unlink()
    load_or_make(tmp_path, NOW)
    assert (tmp_path / PUBLIC).read_bytes() == made.pem


@pytest.mark.parametrize("content", [b"", b"nonsense", authority.fresh(NOW)[:300]])
def test_a_damaged_one_is_refused_and_never_replaced(tmp_path, content):
    path = tmp_path / PRIVATE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AuthorityError, match="damaged"):
        load_or_make(tmp_path, NOW)
    assert path.read_bytes() == content


def test_a_key_with_the_certificate_of_another_is_refused(tmp_path):
    one, other = authority.fresh(NOW).decode(), authority.fresh(NOW).decode()
    mark = "-----BEGIN CERTIFICATE-----"
    mixed = one[: one.index(mark)] + other[other.index(mark) :]
    with pytest.raises(AuthorityError, match="do not belong together"):
        authority.read(mixed.encode(), "ca-key")


def test_a_key_that_others_can_read_is_refused(tmp_path):
    load_or_make(tmp_path, NOW)
    (tmp_path / PRIVATE).chmod(0o640)
    with pytest.raises(AuthorityError, match="chmod 600"):
        load_or_make(tmp_path, NOW)


def test_it_knows_its_own_signatures(tmp_path):
    mine = authority.read(authority.fresh(NOW), "mine")
    other = authority.read(authority.fresh(NOW), "other")
    assert mine.has_signed(mine.certificate)
    assert not mine.has_signed(other.certificate)
