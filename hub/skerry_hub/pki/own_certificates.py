"""The certificates of hub and broker: files of the data folder, made and renewed by the hub itself.

Key and certificate are in one file, which is replaced whole: whoever reads it has two that belong
together. A new certificate has a new key.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from skerry_hub.pki import leaves
from skerry_hub.pki.authority import Authority, AuthorityError, load_or_make, private_pem
from skerry_hub.pki.leaves import PublicKey, Stamp
from skerry_hub.whole_file import write_whole
from skerry_wire.joining import BROKER_NAME, HUB_NAME

FOLDER = "tls"
HUB = "hub.pem"
HUB_BEATS = "hub-beats.pem"
BROKER = "broker.pem"
RENEWED_AT = 2 / 3
"""Of its life."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One of the files: how its certificate is signed, and which names it is for."""

    file: str
    sign: Callable[[PublicKey, Stamp], x509.Certificate]
    names: frozenset[str]


def kinds(authority: Authority, names: Sequence[str]) -> tuple[Kind, ...]:
    """Return all of them. Hub and broker are never given each other's name, whoever asks for it."""
    of_hub = [name for name in names if name != BROKER_NAME]
    of_broker = [name for name in names if name != HUB_NAME]
    return (
        Kind(HUB, lambda p, s: leaves.hub(authority, of_hub, p, s), frozenset((*of_hub, HUB_NAME))),
        Kind(HUB_BEATS, lambda p, s: leaves.hub_beats(authority, p, s), frozenset()),
        Kind(
            BROKER,
            lambda p, s: leaves.broker(authority, of_broker, p, s),
            frozenset((*of_broker, BROKER_NAME)),
        ),
    )


def renew(
    folder: pathlib.Path, authority: Authority, names: Sequence[str], now: float, life_s: float
) -> tuple[str, ...]:
    """Make what is missing, due or for other names; return the files that are new.

    `folder` is the data folder. Raises AuthorityError.
    """
    place = folder / FOLDER
    changed = []
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kind in kinds(authority, names):
            path = place / kind.file
            if not holds(_read(path), authority, kind.names, now, life_s):
                write_whole(path, fresh(kind, now, life_s))
                changed.append(kind.file)
    except OSError as error:
        where = error.filename or place
        raise AuthorityError(f"{where} cannot be written: {error.strerror}") from None
    return tuple(changed)


def prepared(
    folder: pathlib.Path, names: Sequence[str], life_s: float
) -> tuple[Authority, pathlib.Path]:
    """Return the authority and where the files are, all of which there are then.

    Raises AuthorityError.
    """
    now = time.time()
    authority = load_or_make(folder, now)
    renew(folder, authority, names, now, life_s)
    return authority, folder / FOLDER


def there_are(folder: pathlib.Path) -> dict[str, x509.Certificate]:
    """Return the certificates of a data folder that can be used, by file."""
    found = {name: _read(folder / FOLDER / name) for name in (HUB, HUB_BEATS, BROKER)}
    return {name: one for name, one in found.items() if one is not None}


def next_look(folder: pathlib.Path, now: float, life_s: float) -> float:
    """Return when the first of them is to be renewed."""
    return min(map(due_at, there_are(folder).values()), default=now + life_s * RENEWED_AT)


def holds(
    certificate: x509.Certificate | None,
    authority: Authority,
    names: frozenset[str],
    now: float,
    life_s: float,
) -> bool:
    """Say whether a certificate is one to go on with."""
    if certificate is None or not authority.has_signed(certificate):
        return False
    if leaves.names_of(certificate) != _written(names):
        return False
    # One from the future was made by a wrong clock, one that holds longer under other settings.
    current = leaves.issued_at(certificate) <= now < due_at(certificate)
    return current and leaves.expires_at(certificate) <= now + life_s + 1


def due_at(certificate: x509.Certificate) -> float:
    """Return when a certificate is to be renewed."""
    start = leaves.issued_at(certificate)
    return start + (leaves.expires_at(certificate) - start) * RENEWED_AT


def fresh(kind: Kind, now: float, life_s: float) -> bytes:
    """Return a new key and its certificate, as the file holds them."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = kind.sign(key.public_key(), leaves.stamp(now, life_s))
    return private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)


def _read(path: pathlib.Path) -> x509.Certificate | None:
    """Return the certificate of a file whose key belongs to it; None is there to be made anew."""
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError, TypeError):
        return None
    return certificate if key.public_key() == certificate.public_key() else None


def _written(names: frozenset[str]) -> frozenset[str]:
    """Return names as a certificate tells them."""
    return frozenset(leaves.as_written(name) for name in names)
