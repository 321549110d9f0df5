"""The list of revoked certificates, as openssl reads it."""

import subprocess

import pytest
from tests.hub.pki.certificates import CA, DAY_S, KEY, NOW, OTHER_CA

from skerry_hub.pki import crl, leaves
from skerry_hub.pki.leaves import Stamp


@pytest.fixture
def verified(tmp_path):
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    for serial in (1, 2):
        made = leaves.node(
            CA, f"box-{serial}", KEY.public_key(), Stamp(serial=serial, now=NOW, life_s=DAY_S)
        )
        (tmp_path / f"{serial}.pem").write_text(leaves.pem(made))

    def verify(serial, list_, at=NOW):
        (tmp_path / "crl.pem").write_bytes(list_)
        command = ["openssl", "verify", "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "-crl_check",
                   "-attime", str(int(at)), f"{serial}.pem"]  # fmt: skip
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return verify


def test_what_is_on_it_is_refused_and_nothing_else(verified):
    made = crl.make(CA, [(2, NOW)], NOW)
    assert verified(1, made).returncode == 0
    refused = verified(2, made)
    assert refused.returncode != 0
    assert "certificate revoked" in refused.stderr


def test_an_empty_one_refuses_nobody_also_for_a_clock_that_is_behind(verified):
    made = crl.make(CA, [], NOW)
    assert verified(1, made).returncode == 0
    assert verified(1, made, NOW - 3000).returncode == 0


def test_one_of_another_authority_is_none(verified):
    assert verified(1, crl.make(OTHER_CA, [], NOW)).returncode != 0


def test_it_holds_for_ten_years_and_later_ones_have_higher_numbers(tmp_path):
    def told(now):
        made = crl.make(CA, [(2**159 - 1, NOW)], now)
        return subprocess.run(
            ["openssl", "crl", "-noout", "-nextupdate", "-crlnumber", "-text"],
            input=made, capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip

    first, second = told(NOW), told(NOW + 0.002)
    assert "2037" in first.splitlines()[0] or "2036" in first.splitlines()[0]
    assert "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" in first
    number = [int(t.splitlines()[1].partition("=")[2].removeprefix("0x"), 16)
              for t in (first, second)]  # fmt: skip
    assert number[0] < number[1]
