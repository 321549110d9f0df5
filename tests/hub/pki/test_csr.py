"""Requests for certificates: only the key counts, and only one that has signed the request."""

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hub.pki.certificates import CA, ED_KEY, KEY, request

from skerry_hub.pki.csr import MOST_BYTES, CsrError, key_digest, pem_of, public_key_of


@pytest.mark.parametrize("key", [KEY, ED_KEY])
def test_the_key_of_a_request_is_taken(key):
    assert public_key_of(request(key)) == key.public_key()


def test_what_else_it_asks_for_changes_nothing():
    asks = request(extensions=(x509.BasicConstraints(ca=True, path_length=None),), name="hub")
    assert public_key_of(asks) == KEY.public_key()


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP256K1()), hashes.SHA256()),
        (rsa.generate_private_key(65537, 2048), hashes.SHA256()),
        (KEY, hashes.SHA224()),
    ],
)
def test_other_keys_and_weak_signatures_are_refused(key, digest):
    with pytest.raises(CsrError, match=r"P-256.*Ed25519"):
        public_key_of(request(key, digest=digest))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        CA.pem.decode(),
        request() + request(),
        "first\n" + request(),
        request() + "after",
        request() + "\n",
        request().replace("\n", "\r\n"),
        request().replace("REQUEST", "REQUES"),
        request().replace("\n", "\n\n"),
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    ],
)
def test_what_is_no_request_alone_is_refused(text):
    with pytest.raises(CsrError):
        public_key_of(text)


def der_of(key=KEY):
    return x509.load_pem_x509_csr(request(key).encode()).public_bytes(Encoding.DER)


def test_a_version_that_there_is_not_is_refused():
    other = der_of().replace(b"\x02\x01\x00", b"\x02\x01\x10", 1)
    with pytest.raises(CsrError, match="damaged"):
        public_key_of(pem_of(other))


@pytest.mark.parametrize("key", [KEY, ED_KEY])
@pytest.mark.parametrize("unused", range(1, 8))
def test_a_signature_that_leaves_bits_unused_is_none(key, unused):
    # Found by `./dev soak tamper`: where these bits are zero, the signature is still right.
    for _ in range(400):
        der = der_of(key)
        signature = x509.load_der_x509_csr(der).signature
        if signature[-1] & ((1 << unused) - 1) == 0:
            break
    at = len(der) - len(signature) - 1
    assert der[at] == 0
    assert public_key_of(pem_of(der)) == key.public_key()
    with pytest.raises(CsrError):
        public_key_of(pem_of(der[:at] + bytes([unused]) + der[at + 1 :]))


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_each_digest_that_is_allowed(digest):
    assert public_key_of(request(digest=digest)) == KEY.public_key()


def test_what_openssl_makes_is_read(tmp_path):
    kinds = (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-newkey", "ed25519"])
    for kind in kinds:
        made = subprocess.run(
            ["openssl", "req", "-new", *kind, "-nodes", "-keyout", "key", "-subj", "/CN=box"],
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        public_key_of(made.stdout)


def test_a_long_one_is_not_even_read():
    with pytest.raises(CsrError, match="more than"):
        public_key_of(request() + "\n" * MOST_BYTES)


def test_a_request_with_the_key_of_another_is_not_signed_by_it():
    # The subject's key replaced, as somebody does who wants a certificate for a key he has not.
    der = x509.load_pem_x509_csr(request().encode())
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    theirs, ours = _point(other), _point(KEY.public_key())
    data = der.public_bytes(Encoding.DER).replace(ours, theirs)
    text = x509.load_der_x509_csr(data).public_bytes(Encoding.PEM).decode()
    with pytest.raises(CsrError, match="not signed by its own key"):
        public_key_of(text)


GOOD = {key: request(key) for key in (KEY, ED_KEY)}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([KEY, ED_KEY]), st.data())
def test_a_changed_character_is_never_taken_for_another_key(key, data):
    text = GOOD[key]
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=9, max_codepoint=126).filter(text[at].__ne__))
    changed = text[:at] + other + text[at + 1 :]
    if changed.rstrip("\n") == text.rstrip("\n"):
        return
    with pytest.raises(CsrError):
        public_key_of(changed)


def test_a_key_is_known_by_the_digest_that_openssl_says(tmp_path):
    (tmp_path / "csr").write_text(request())
    der = subprocess.run(
        "openssl req -in csr -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum",
        shell=True, cwd=tmp_path, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert key_digest(KEY.public_key()) == der.split()[0]


def _point(public):
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
