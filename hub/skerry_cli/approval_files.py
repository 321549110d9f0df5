"""Files of `skerry approve`: keys of those who approve, what there is to approve, approvals."""

from __future__ import annotations

import base64
import binascii
import json
import os
import pathlib
import stat
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from skerry_cli.failures import Exit, Failure
from skerry_cli.records import MANY, Names, Words
from skerry_wire import approval, codec, envelope
from skerry_wire.approval import ApprovedContent
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

REQUEST, APPROVALS = "skerry.approval-request.v1", "skerry.approvals.v1"
MAX_BYTES = 32 * 2**20


@frozen(kw_only=True)
class Content:
    """What there is to approve of a workload, as a hub says it."""

    workload: Words
    digest: Words
    content: Annotated[str, Text(8 * 2**20)]
    approved_by: Names = ()
    refused_by: Names = ()

    def opened(self) -> ApprovedContent:
        """Return what it is, if its digest is what the hub says. Raises Failure."""
        try:
            data = base64.b64decode(self.content, validate=True)
            found = codec.decode(ApprovedContent, data, strict=True, most=MAX_BYTES)
        except (binascii.Error, WireError) as error:
            reason = f"{self.workload}: what there is to approve cannot be read: {error}"
            raise Failure(f"{reason}; is the hub of a newer version?") from None
        if found.workload != self.workload or approval.digest_of(found) != self.digest:
            reason = "its content is another one than its name and digest say"
            raise Failure(f"{self.workload}: {reason}: nothing is approved")
        return found


@frozen(kw_only=True)
class Given:
    """An approval as the hub takes it."""

    envelope: Words
    public: Words


@frozen(kw_only=True)
class _File:
    kind: Words
    contents: Annotated[tuple[Content, ...], MANY] = ()
    approvals: Annotated[tuple[Given, ...], MANY] = ()


class SigningKey:
    """The key of one who approves."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.id = envelope.key_id_of(self.public)

    def approve(self, content: ApprovedContent, now: float) -> Given:
        """Return the signed approval of a content. Raises Failure."""
        try:
            sealed = envelope.seal_approval(
                approval.approval_of(content, now), self.id, self._private.sign
            )
        except WireError as error:
            raise Failure(f"{content.workload}: {error}") from None
        return Given(
            envelope=base64.b64encode(codec.encode(sealed)).decode(),
            public=base64.b64encode(self.public).decode(),
        )


def make_key(path: pathlib.Path, passphrase: str) -> SigningKey:
    """Write a new key, and its public half beside it as NAME.pub. Raises Failure."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    private = Ed25519PrivateKey.generate()
    how: form.KeySerializationEncryption = form.NoEncryption()
    if passphrase:
        how = form.BestAvailableEncryption(passphrase.encode())
    data = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, how)
    key = SigningKey(private)
    public = path.with_name(f"{path.name}.pub")
    try:
        _write_new(path, data, 0o600)
        _write_new(public, base64.b64encode(key.public) + b"\n", 0o644)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}", Exit.USAGE) from None
    return key


def load_key(path: pathlib.Path, ask: Callable[[], str]) -> SigningKey:
    """Return a key; `ask` gives its passphrase where it has one. Raises Failure."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    try:
        data = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", Exit.USAGE) from None
    if mode & 0o077:
        raise Failure(f"{path} can be read by others (mode {mode:04o}): chmod 600 {path}")
    try:
        try:
            private = form.load_pem_private_key(data, None)
        except TypeError:  # it has a passphrase
            private = form.load_pem_private_key(data, ask().encode())
    except ValueError:
        reason = "the passphrase is wrong, or the file is damaged or no key"
        raise Failure(f"{path}: {reason}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise Failure(f"{path} is no Ed25519 key: make one with skerry approve keygen")
    return SigningKey(private)


def save_contents(name: str, contents: Sequence[Content]) -> None:
    """Write what there is to approve. Raises Failure."""
    _save(name, {"kind": REQUEST, "contents": [codec.to_plain(one) for one in contents]})


def save_approvals(name: str, given: Sequence[Given]) -> None:
    """Write approvals. Raises Failure."""
    _save(name, {"kind": APPROVALS, "approvals": [codec.to_plain(one) for one in given]})


def contents_of(name: str) -> tuple[Content, ...]:
    """Return what there is to approve by a file. Raises Failure."""
    return _load(name, REQUEST, "skerry approve show --out").contents


def approvals_of(name: str) -> tuple[Given, ...]:
    """Return the approvals of a file. Raises Failure."""
    return _load(name, APPROVALS, "skerry approve sign --out").approvals


def _save(name: str, content: dict[str, Any]) -> None:
    path = pathlib.Path(name)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_new(part, json.dumps(content, indent=1).encode() + b"\n", 0o600)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failure(f"{name}: {error.strerror or error}", Exit.USAGE) from None


def _load(name: str, kind: str, made_by: str) -> _File:
    try:
        with open(name, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        found = codec.from_plain(_File, json.loads(data[:MAX_BYTES]))
    except OSError as error:
        raise Failure(f"{name}: {error.strerror}", Exit.USAGE) from None
    except (ValueError, RecursionError, WireError) as error:
        reason = f"{name} is no file of {made_by}: {str(error)[:200]}"
        raise Failure(reason, Exit.USAGE) from None
    if found.kind != kind:
        raise Failure(f"{name} is a {found.kind}, and no file of {made_by}", Exit.USAGE)
    return found


def _write_new(path: pathlib.Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, whole. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
