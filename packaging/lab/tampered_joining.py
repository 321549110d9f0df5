"""Requests for certificates and join tokens with something changed, offered to a hub's own code.

Its store is a real one, so that what is accepted can be seen in it, too.
"""

from __future__ import annotations

import base64
import pathlib
import random
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from lab import tampering
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.joining.admission import Admission
from skerry_hub.joining.enrolling import Enrolling
from skerry_hub.joining.terms import Terms
from skerry_hub.joining.views import JoinTokenRequest
from skerry_hub.pki import authority
from skerry_hub.pki.csr import pem_of
from skerry_hub.store_opening import open_store
from skerry_hub.work import RefusedError
from skerry_wire.codec import from_plain
from skerry_wire.errors import WireError
from skerry_wire.joining import JoinRequest, RenewRequest

GOOD = 20
USES = 100_000


class Office:
    """A hub's side of joining, alone."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Make it, with an authority of its own."""
        self.store = open_store(f"sqlite:///{folder / 'hub.db'}")
        terms = Terms(
            hub="https://hub.example:8443",
            broker="mqtts://hub.example:8883",
            broker_ca="",
            order_keys=lambda: (),
            life_s=90 * 86_400.0,
        )
        made = authority.load_or_make(folder, time.time())
        self.enrolling = Enrolling(self.store, made, terms, Admission(), folder)

    def token(self, uses: int = USES) -> str:
        """Return a good token."""
        return self.enrolling.make_token(JoinTokenRequest(uses=uses)).token

    def joins(self, token: str, csr: str, node: str) -> bool:
        """Say whether a box is let in with these."""
        try:
            request = from_plain(JoinRequest, {"token": token, "csr": csr, "node": node})
            self.enrolling.join(request)
        except (RefusedError, WireError):
            return False
        return True

    def renews(self, csr: str) -> bool:
        """Say whether a box gets a new certificate with this."""
        try:
            self.enrolling.renew(from_plain(RenewRequest, {"csr": csr}))
        except (RefusedError, WireError):
            return False
        return True

    def boxes(self) -> int:
        """Return how many have joined."""
        with self.store.aside() as connection:
            return len(EnrollmentRows(connection).enrollments())


def request(name: str, *, edwards: bool = False) -> str:
    """Return a good request for a certificate, for a key that is made for it."""
    key = (
        ed25519.Ed25519PrivateKey.generate() if edwards else ec.generate_private_key(ec.SECP256R1())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(key, None if edwards else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class Requests:
    """Requests of boxes that have joined, which renew, and join, with them."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Let the boxes join."""
        self._office = Office(folder)
        self._token = self._office.token()
        self._good = [request(f"box-{number}", edwards=number % 4 == 0) for number in range(GOOD)]
        self._ders = [_der(one) for one in self._good]
        for number, one in enumerate(self._good):
            assert self._office.joins(self._token, one, f"box-{number}")

    def attempt(self, chance: random.Random) -> str | None:
        """Offer a request that was changed, in its text or in what that says."""
        number = chance.randrange(GOOD)
        if chance.random() < 0.5:
            changed = tampering.text(self._good[number], self._good, chance)
        else:
            changed = pem_of(tampering.data(self._ders[number], self._ders, chance))
        if changed.strip("\n") in {one.strip("\n") for one in self._good}:
            return self.attempt(chance)
        took = self._office.renews(changed)
        if chance.random() < 0.1 or took:
            took |= self._office.joins(self._token, changed, "another")
        return repr(changed) if took else None

    def accepts_good(self) -> bool:
        """Say whether a good one is accepted, and nobody else has joined meanwhile."""
        return self._office.renews(self._good[0]) and self._office.boxes() == GOOD

    def close(self) -> None:
        """End."""
        self._office.store.close()


class Tokens:
    """Tokens of which some uses are left."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Make them, and a box that joins with one."""
        self._office = Office(folder)
        self._good = [self._office.token() for _ in range(GOOD)]
        self._mine = request("box")

    def attempt(self, chance: random.Random) -> str | None:
        """Offer a token that was changed."""
        changed = tampering.text(chance.choice(self._good), self._good, chance)
        if changed in self._good:
            return self.attempt(chance)
        return repr(changed) if self._office.joins(changed, self._mine, "box") else None

    def accepts_good(self) -> bool:
        """Say whether a good one is accepted, by which one box alone has joined."""
        return self._office.joins(self._good[0], self._mine, "box") and self._office.boxes() == 1

    def close(self) -> None:
        """End."""
        self._office.store.close()


def _der(text: str) -> bytes:
    return base64.b64decode("".join(text.split("\n")[1:-2]))
